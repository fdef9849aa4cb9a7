/// Which models are served.
extension Backlog {
    /// From now on jobs of these models alone are claimed; those of others wait, or fail.
    public func serve(_ models: ServedModels, missing: MissingModel) async throws(JobStoreError) {
        let change = try await store.serve(models, missing: missing)
        state.withLock { $0.ledger.apply(change) }
        for waiting in change.missing {
            let verb = missing == .fail ? "jobs fail, since they are" : "jobs wait"
            logger.warning(
                "\(verb) for a model that is not served",
                metadata: [
                    "jobs": "\(waiting.jobs)", "model": "\(waiting.model)",
                    "served": "\(models.all.map(\.description).joined(separator: ", "))",
                ])
        }
        bell.ring()
        // Those that began or ceased to wait look different now.
        for id in watchers.jobs { watchers.ring(id) }
    }

    /// How many jobs wait for which model that is not served.
    public func waitingJobs() async throws(JobStoreError) -> [WaitingJobs] { try await store.waitingJobs() }
}
