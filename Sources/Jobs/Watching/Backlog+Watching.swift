import Platform

/// Following jobs on their way.
extension Backlog {
    /// The time by the backlog's clock, which deadlines are reckoned by.
    public var now: MonotonicTime { clock.now }

    /// Follows a job: the watch wakes after each change of it until it is let go. Look at the job after making it.
    public func watch(_ id: JobID) -> Watch { watchers.add(to: id, for: .changes) }

    /// Wakes all who follow or wait for jobs, because the process is leaving; from now on nobody waits long.
    public func stopWatching() { watchers.close() }

    /// Waits until a job has ended, without holding a thread.
    ///
    /// The watch is there before the job is looked up, so that an end in between is not missed.
    ///
    /// - Returns: the job as it ended, or as it is when the time is up, the task is cancelled or the process leaves;
    ///   nil if it is unknown.
    public func waitForEnd(_ id: JobID, timeout: Duration) async throws(JobStoreError) -> Job? {
        let deadline = clock.now + timeout
        let watch = watchers.add(to: id, for: .end)
        guard let job = try await store.job(id) else { return nil }
        guard !job.status.isEnded, timeout > .zero else { return estimated(job) }
        if case .ended(let ended) = await watch.next(until: deadline) { return ended }
        return try await self.job(id)
    }
}
