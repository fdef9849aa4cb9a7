public import Jobs

extension SQLiteJobStore {
    /// Where files of models are kept.
    public var models: (any ModelKeeper)? { KeptModels(folder.places) }

    /// Says which models are served, and notes the digest of those jobs that have none yet.
    public func serve(_ models: ServedModels, missing: MissingModel) async throws(JobStoreError) -> ServedChange {
        let (wall, now, ttl) = (clock.wall, clock.now, settings.uploadTTL)
        let served = JobTable.Served(models, missing: missing)
        return try await writer.commit { context in
            let change = context.live.withLock { live in
                live.servedToCommit = served
                return live.table.serve(served)
            }
            for model in models.all { try context.jobs.adopt(model) }
            try context.endOverdue(wall: wall, now: now, uploadTTL: ttl)
            return change
        }
    }

    /// How many jobs wait for which model.
    public func waitingJobs() async throws(JobStoreError) -> [WaitingJobs] {
        live.withLock { $0.table.waitingJobs }
    }

    /// How many jobs have not ended, by model.
    public func openModels() async throws(JobStoreError) -> [ModelID: OpenJobs] {
        live.withLock { $0.table.openModels }
    }
}
