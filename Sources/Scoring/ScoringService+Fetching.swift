import Jobs

/// Fetching: what became of jobs, and what is to become of them.
extension ScoringService {
    /// The job; throws where there is none that the caller sees. What there is of others is as what there is not.
    package func job(_ id: JobID, for caller: Caller) async throws(ScoringError) -> Job {
        let job: Job?
        do { job = try await backlog.job(id) } catch {
            try await check(damaged: id, for: caller, error)
            throw .store(error)
        }
        guard let job, caller.sees(job.owner) else { throw .unknownJob(id.description) }
        return job
    }

    /// Throws where a job that is damaged is none that the caller sees.
    private func check(damaged id: JobID, for caller: Caller, _ error: JobStoreError) async throws(ScoringError) {
        guard case .damaged = error, !caller.seesAll else { return }
        let owner = try? await backlog.ownerOfDamaged(id)
        if !caller.sees(owner) { throw .unknownJob(id.description) }
    }

    /// A job that the caller has seen, once it has ended or the time is up; nil where it is gone.
    package func waited(_ id: JobID, _ time: Duration) async throws(ScoringError) -> Job? {
        do { return try await backlog.waitForEnd(id, timeout: time) } catch { throw .store(error) }
    }

    /// The batch once all of it has ended or the time is up; throws where there is none that the caller sees.
    package func waited(_ id: BatchID, _ time: Duration, for caller: Caller) async throws(ScoringError) -> Batch {
        let batch: Batch?
        do throws(JobStoreError) {
            let isLookedAtFirst = time > .zero && !caller.seesAll
            let known = isLookedAtFirst ? try await backlog.batch(id) : nil
            // Nobody waits for what is not to be seen.
            let isWaited = !isLookedAtFirst || known.map { caller.sees($0) } == true
            batch = isWaited ? try await backlog.waitForEnd(id, timeout: time) : nil
        } catch { throw .store(error) }
        guard let batch, caller.sees(batch) else { throw .unknownBatch(id.description) }
        return batch
    }

    /// Jobs that fit and that the caller sees, the newest first.
    package func list(
        _ filter: JobFilter, limit: Int, before: JobID?, for caller: Caller
    ) async throws(ScoringError) -> [Job] {
        var filter = filter
        if !caller.seesAll {
            guard let owner = caller.owner, filter.owner.map({ caller.sees($0) }) ?? true else { return [] }
            filter.owner = owner
        }
        do { return try await backlog.list(filter, limit: limit, before: before) } catch { throw .store(error) }
    }

    /// Cancels a job that has not ended; throws where there is none that the caller sees.
    package func cancel(_ id: JobID, for caller: Caller) async throws(ScoringError) -> CancelOutcome {
        if !caller.seesAll {
            // One that is damaged is told of by what comes of it.
            do throws(ScoringError) { _ = try await job(id, for: caller) } catch {
                guard case .store(.damaged) = error else { throw error }
            }
        }
        do { return try await backlog.cancel(id) } catch { throw .store(error) }
    }

    /// Forgets a job that has ended.
    ///
    /// - Returns: whether it was there; of two who forget it one does
    package func forget(_ id: JobID) async throws(ScoringError) -> Bool {
        do { return try await backlog.forget(id) } catch { throw .store(error) }
    }

    /// Forgets those jobs of a batch of which none can be read; throws where there are none. Whose they are can't be read
    /// either, so that nobody but who sees all may.
    package func forgetUnreadable(of batch: BatchID, for caller: Caller) async throws(ScoringError) {
        guard caller.seesAll else { throw .unknownBatch(batch.description) }
        let count: Int
        do { count = try await backlog.forgetUnreadable(of: batch) } catch { throw .store(error) }
        if count == 0 { throw .unknownBatch(batch.description) }
    }

    /// Cancels what has not ended of a batch; where all had, forgets it, with what of it can't be read.
    ///
    /// - Returns: what is left of it
    package func end(_ batch: Batch) async throws(ScoringError) -> Batch? {
        let backlog = backlog
        if batch.isEnded {
            try await forEach(batch.jobs) { id throws(JobStoreError) in _ = try await backlog.forget(id) }
            do { _ = try await backlog.forgetUnreadable(of: batch.id) } catch { throw .store(error) }
            return nil
        }
        let live = batch.jobs.filter { !$0.status.isEnded }
        try await forEach(live) { id throws(JobStoreError) in _ = try await backlog.cancel(id) }
        do { return try await backlog.batch(batch.id) } catch { throw .store(error) }
    }

    /// Does something to many jobs at a time, so that they share the store's transactions. All are done, whatever comes of
    /// one.
    private func forEach(
        _ jobs: [Job], _ body: @escaping @Sendable (JobID) async throws(JobStoreError) -> Void
    ) async throws(ScoringError) {
        let failure = await withTaskGroup(of: JobStoreError?.self) { group in
            for job in jobs {
                group.addTask {
                    do throws(JobStoreError) { try await body(job.id) } catch { return error }
                    return nil
                }
            }
            return await group.reduce(nil as JobStoreError?) { $0 ?? $1 }
        }
        if let failure { throw .store(failure) }
    }

    /// A job's result, with room for what will be made of it. The room is taken before anything is read, and more where
    /// what was read needs it.
    ///
    /// - Parameters:
    ///   - least: bytes that it will take at least, as far as can be told from the stored size
    ///   - isFetched: whether the result counts as fetched by this
    ///   - need: the bytes that it will take
    package func result(
        of job: Job, isFetched: Bool, least: Int, need: (ScoreResult) -> Int
    ) async throws -> (result: ScoreResult, share: AnswerBudget.Share) {
        var share = answers.take(least)
        guard share != nil else { throw ScoringError.answersBusy }
        let result = try await result(of: job, isFetched: isFetched)
        try Task.checkCancellation()
        let needed = need(result)
        if needed > least {
            // Given back first: one alone always fits.
            share = nil
            share = answers.take(needed)
        }
        guard let share else { throw ScoringError.answersBusy }
        return (result, share)
    }

    /// The picture of a segment of a job that its caller has seen, by the snippet that the segment begins at.
    package func thumbnail(of job: Job, start: Int?) async throws(ScoringError) -> [UInt8] {
        if job.status == .succeeded, VideoSubject(of: job) != nil, let start {
            let pictures = try await stored(job, isFetched: false) { StoredLogits(encoded: $0)?.result.pictures }
            if let picture = pictures.first(where: { $0.start == start }) { return picture.jpeg }
        }
        throw .noThumbnail(
            "Job \(job.id) has no such picture: a job with a video has those of its segments that thumbnails= asked for, once it has "
                + "succeeded.")
    }

    private func result(of job: Job, isFetched: Bool) async throws(ScoringError) -> ScoreResult {
        try await stored(job, isFetched: isFetched) { ScoreResult(encoded: $0) }
    }

    /// What is wanted of a job's stored result, of which no more than that is decoded.
    private func stored<Part: Sendable>(
        _ job: Job, isFetched: Bool, _ read: @escaping @Sendable ([UInt8]) -> Part?
    ) async throws(ScoringError) -> Part {
        let output: JobOutput?
        do { output = try await backlog.output(job.id, fetching: isFetched) } catch { throw .store(error) }
        guard let output else { throw .unknownJob(job.id.description) }
        let part = await LongWork.run(if: output.body.count > 4 * LongWork.few) { read(output.body) }
        guard let part else { throw .store(.damaged(job.id, "its result can't be read")) }
        return part
    }
}

extension Caller {
    /// Whether the caller sees a batch, all of which is of one owner.
    fileprivate func sees(_ batch: Batch) -> Bool { batch.jobs.allSatisfy { sees($0.owner) } }
}
