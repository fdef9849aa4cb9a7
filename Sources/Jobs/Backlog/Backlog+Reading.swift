extension Backlog {
    /// The job with its estimate; nil if it is unknown, expired or forgotten.
    public func job(_ id: JobID) async throws(JobStoreError) -> Job? {
        try await store.job(id).map(estimated)
    }

    /// What a job came to; nil unless it succeeded.
    ///
    /// - Parameter fetching: afterwards it is among the first that may be given up; false where the result is only
    ///   looked at
    public func output(_ id: JobID, fetching: Bool = true) async throws(JobStoreError) -> JobOutput? {
        try await store.output(id, fetching: fetching)
    }

    /// Up to `limit` jobs, newest first, that come after `cursor`, the last one of the page before.
    public func list(
        _ filter: JobFilter = JobFilter(), limit: Int, before cursor: JobID? = nil
    ) async throws(JobStoreError) -> [Job] {
        try await store.list(filter, limit: limit, before: cursor).map(estimated)
    }

    /// The batch with those of its jobs that are still known; nil if there is none.
    public func batch(_ id: BatchID) async throws(JobStoreError) -> Batch? {
        try await store.batch(id).map { Batch(id: $0.id, jobs: $0.jobs.map(estimated)) }
    }

    /// How many jobs there are.
    public func counts() async throws(JobStoreError) -> JobCounts {
        try await store.counts()
    }

    /// Throws where the store would not take a job now.
    public func checkStore() async throws(JobStoreError) {
        try await store.checkWritable()
    }

    /// Throws where the store would not take a submission, by what it knows.
    public func checkStoreTakes() async throws(JobStoreError) {
        try await store.checkTakes()
    }

    /// Cancels a queued job at once and a running one at its next part.
    public func cancel(_ id: JobID) async throws(JobStoreError) -> CancelOutcome {
        let outcome = try await store.cancel(id)
        switch outcome {
        case .cancelled(let job):
            state.withLock { $0.ledger.dequeue(job) }
            announce(ended: job)
        case .requested:
            state.withLock { $0.stopRunning }?(id)
            watchers.ring(id)
        case .alreadyEnded, .damaged, .unknown:
            break
        }
        return outcome
    }

    /// Removes a job that has ended; says whether there was one.
    public func forget(_ id: JobID) async throws(JobStoreError) -> Bool {
        try await store.forget(id)
    }

    /// The job with the seconds it will take at the measured rate.
    func estimated(_ job: Job) -> Job {
        guard let partsAhead = job.partsAhead else { return job }
        var job = job
        job.estimatedSeconds = state.withLock { $0.rate.seconds(parts: Double(partsAhead)) }
        return job
    }

    /// Counts out a queued job that ended because its deadline had passed, or for want of its model.
    func announce(late job: Job) {
        state.withLock { $0.ledger.dequeue(job) }
        announce(ended: job)
    }

    /// Counts an ended job and wakes who waits for it.
    func announce(ended job: Job) {
        state.withLock { $0.metrics.count(ended: job.status) }
        if let failure = job.failure {
            logger.warning("a job has failed", metadata: ["job": "\(job.id)", "reason": "\(failure.reason)"])
        }
        watchers.end(job)
        if job.callback != nil { callbackBell.ring() }
    }
}
