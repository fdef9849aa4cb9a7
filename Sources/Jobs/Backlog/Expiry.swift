import Platform

/// Removes what has expired, now and then, so that a store that nobody uses grows small again; ends the jobs that are too
/// late to be begun, also while all workers are busy; and has claims renewed, before it gives back those that have run out.
///
/// In this order and one after the other: whoever was held up for longer than a lease, as a process is that was stopped,
/// still finds its claims its own.
public struct Expiry: Sendable {
    private let backlog: Backlog
    private let interval: Duration

    /// Looks after `backlog` every `interval`.
    public init(of backlog: Backlog, every interval: Duration = .seconds(1)) {
        self.backlog = backlog
        self.interval = interval
    }

    /// Removes what has expired now, and says how many jobs that were.
    @discardableResult
    public func runOnce() async throws(JobStoreError) -> Int {
        await backlog.renewClaims()
        let expired = try await backlog.store.expire()
        for job in expired.lapsed { backlog.announce(lapsed: job) }
        for job in expired.overdue { backlog.announce(late: job) }
        return expired.removed
    }

    /// Goes on until the task is cancelled. A store that fails is tried again the next time.
    public func run() async {
        await backlog.clock.every(interval) {
            do throws(JobStoreError) { try await runOnce() } catch {
                backlog.logger.warning("expired jobs could not be removed: \(error)")
            }
        }
    }
}
