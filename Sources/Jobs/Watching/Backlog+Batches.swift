import Platform

extension Backlog {
    /// Waits until all jobs of a batch have ended: for the last that has not, by when most others will have, and so on.
    ///
    /// - Returns: the batch as it is then; nil if it is unknown.
    public func waitForEnd(_ id: BatchID, timeout: Duration) async throws(JobStoreError) -> Batch? {
        let deadline = clock.now + timeout
        while let batch = try await batch(id) {
            let left = deadline - clock.now
            guard let job = batch.jobs.last(where: { !$0.status.isEnded }), left > .zero, !Task.isCancelled else {
                return batch
            }
            let ended = try await waitForEnd(job.id, timeout: left)
            // A service that shuts down keeps nobody waiting.
            if ended?.status.isEnded == false { return try await self.batch(id) }
        }
        return nil
    }

    /// The time of day.
    public var wall: WallTime { clock.wall }
}
