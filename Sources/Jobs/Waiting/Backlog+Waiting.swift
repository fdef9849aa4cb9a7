extension Backlog {
    /// Waits until a job has ended, without holding a thread.
    ///
    /// The waiter is registered before the job is looked up, so that an end in between is not missed.
    ///
    /// - Returns: the job as it ended, or as it is when the time is up or the task is cancelled; nil if it is unknown.
    public func waitForEnd(_ id: JobID, timeout: Duration) async throws(JobStoreError) -> Job? {
        let (number, end) = waiters.add(for: id)
        defer { waiters.remove(number, for: id) }
        guard let job = try await store.job(id) else { return nil }
        guard !job.status.isEnded, timeout > .zero else { return estimated(job) }
        if let ended = await end.value(until: clock.now + timeout, by: clock) { return ended }
        return try await self.job(id)
    }

    /// Waits until all jobs of a batch have ended, one after another, as they end in any order.
    ///
    /// - Returns: the batch as it is then; nil if it is unknown.
    public func waitForEnd(_ id: BatchID, timeout: Duration) async throws(JobStoreError) -> Batch? {
        let deadline = clock.now + timeout
        guard let batch = try await batch(id) else { return nil }
        guard !batch.isEnded, timeout > .zero else { return batch }
        for job in batch.jobs where !job.status.isEnded {
            let left = deadline - clock.now
            guard left > .zero, !Task.isCancelled else { break }
            _ = try await waitForEnd(job.id, timeout: left)
        }
        return try await self.batch(id)
    }

    /// The time of day.
    public var wall: WallTime { clock.wall }
}
