import Platform

/// Looks now and then for what other processes do: to the jobs that are followed here, and to the queue.
///
/// One look a job, however many follow it. The few that run here are looked at too: a look costs less than to know. Where a
/// store can tell of all of them at once, that is one question, and only what has changed is looked at.
public struct ChangePoll: Sendable {
    /// How often a store that others have part in is looked at, at least: each time after another while, so that servers which
    /// began together do not ask together.
    static let sharedInterval = Duration.milliseconds(150)...Duration.milliseconds(250)

    /// How soon after somebody has begun to follow a job there is a look, and then again after half as long as the newest has
    /// waited: so who waits for a job hardly notices whose it was, and one that takes long is not looked at more often for it.
    ///
    /// - Parameter jobs: how many are followed, each of which costs a look more
    static func soonest(following jobs: Int) -> Duration { .milliseconds(100) + .microseconds(40) * jobs }

    /// How often it is asked what is queued.
    static let countingInterval = Duration.seconds(1)

    private let backlog: Backlog
    private let interval: Duration

    /// Looks every `interval` at what `backlog` is asked about; more often where others have part in its store.
    public init(of backlog: Backlog, every interval: Duration = .seconds(1)) {
        self.backlog = backlog
        self.interval = interval
    }

    /// Looks once, and wakes who follows a job that has changed since the look before.
    ///
    /// - Parameter counting: whether the queue is counted anew, where others have part in it
    public func runOnce(counting: Bool = true) async throws(JobStoreError) {
        let jobs = backlog.watchers.beginLook()
        guard let glance = try await backlog.store.glance(at: jobs, counting: counting) else {
            for id in jobs { backlog.watchers.found(try await backlog.store.job(id), of: id) }
            return
        }
        if let queue = glance.queue { backlog.resume(queue, waiting: glance.waiting) }
        if glance.hasWork { backlog.bell.ring() }
        for id in backlog.watchers.changed(glance.revisions, among: jobs) {
            backlog.watchers.found(try await backlog.store.job(id), of: id)
        }
    }

    /// Goes on until the task is cancelled. A store that fails is asked again the next time.
    public func run() async {
        guard backlog.store.isShared else {
            return await backlog.clock.every(interval) { await look(counting: true) }
        }
        var nextCount = backlog.clock.now
        while !Task.isCancelled {
            await rest()
            if Task.isCancelled { return }
            let isCounting = backlog.clock.now >= nextCount
            if isCounting { nextCount = backlog.clock.now + Self.countingInterval }
            await look(counting: isCounting)
        }
    }

    /// Returns when it is time for a look at a store that others have part in, or the task is cancelled.
    func rest() async {
        let (clock, looked) = (backlog.clock, backlog.clock.now)
        let bounds = (Self.sharedInterval.lowerBound.wholeNanoseconds, Self.sharedInterval.upperBound.wholeNanoseconds)
        let last = looked + .nanoseconds(Int64.random(in: bounds.0...bounds.1))
        while !Task.isCancelled {
            let newcomer = Latch<Bool?>()
            let due = min(backlog.watchers.nextLook(after: looked, newcomer: newcomer) ?? last, last)
            guard due > clock.now else { return }
            _ = await newcomer.value(until: due, by: clock)
        }
    }

    private func look(counting: Bool) async {
        do throws(JobStoreError) { try await runOnce(counting: counting) } catch {
            backlog.logger.warning("jobs that are followed could not be looked at: \(error)")
        }
    }
}
