/// A store claims for the workers who have nothing to do, in the transaction in which a job comes.
extension WorkerPool: ClaimTaker {
    /// What the dispatcher would claim, if it does not do so just now.
    ///
    /// Nobody looks again for it: whatever makes a claim possible rings anyway. It is asked in the dispatcher's own claims too,
    /// each of which would else be followed by another, again and again where the next job is too long for the room there is.
    public func room() -> ClaimLimit? { crew.beginClaim(looksAgain: false) }

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
