extension Backlog {
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
