import Platform

/// Looks at the jobs that are followed here, now and then, for what other processes do to them.
///
/// One look a job, however many follow it. The few that run here are looked at too: a look costs less than to know.
public struct ChangePoll: Sendable {
    private let backlog: Backlog
    private let interval: Duration

    /// Looks every `interval` at what `backlog` is asked about.
    public init(of backlog: Backlog, every interval: Duration = .seconds(1)) {
        self.backlog = backlog
        self.interval = interval
    }

    /// Looks once, and wakes who follows a job that has changed since the look before.
    public func runOnce() async throws(JobStoreError) {
        for id in backlog.watchers.jobs {
            backlog.watchers.found(try await backlog.store.job(id), of: id)
        }
    }

    /// Goes on until the task is cancelled. A store that fails is asked again the next time.
    public func run() async {
        await backlog.clock.every(interval) {
            do throws(JobStoreError) { try await runOnce() } catch {
                backlog.logger.warning("jobs that are followed could not be looked at: \(error)")
            }
        }
    }
}
