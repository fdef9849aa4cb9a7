/// A store claims for the workers who have nothing to do, in the transaction in which a job comes.
extension WorkerPool: ClaimTaker {
    /// What the dispatcher would claim, if it does not do so just now.
    public func room() -> ClaimLimit? { crew.beginClaim() }

    /// Hands jobs to the workers.
    public func take(_ claimed: [ClaimedJob]) {
        backlog.note(claimed)
        let late = crew.admit(claimed)
        guard late.isEmpty else {
            Task {
                _ = await release(late)
                _ = crew.endClaim()
            }
            return
        }
        if crew.endClaim() { backlog.bell.ring() }
    }
}
