import Synchronization

/// Those who follow jobs, by job. To tell that a job has changed costs one look into a table where nobody follows it.
final class Watchers: Sendable {
    private struct Followed {
        var signals: [Int: WakeSignal] = [:]
        /// The revision that a look at the store found last.
        var revision: Int?
    }

    private struct State {
        var followed: [JobID: Followed] = [:]
        var lastNumber = 0
        var count = 0
        var isClosed = false
    }

    /// Ends the waits whose time is up.
    let alarm: Alarm
    private let state = Mutex(State())

    init(clock: any JobClock) {
        alarm = Alarm(clock: clock)
    }

    /// How many there are.
    var count: Int { state.withLock { $0.count } }

    /// How many of them wait at this moment.
    var sleeping: Int {
        state.withLock { state in
            state.followed.values.reduce(0) { $0 + $1.signals.values.count { $0.isAwaited } }
        }
    }

    /// The jobs that are followed.
    var jobs: [JobID] { state.withLock { Array($0.followed.keys) } }

    func add(to id: JobID, for interest: WatchInterest) -> Watch {
        let signal = WakeSignal(for: interest)
        let (number, isClosed) = state.withLock { state in
            state.lastNumber += 1
            state.count += 1
            state.followed[id, default: Followed()].signals[state.lastNumber] = signal
            return (state.lastNumber, state.isClosed)
        }
        if isClosed { signal.tell(.closed) }
        return Watch(of: id, number: number, signal: signal, among: self)
    }

    func remove(_ number: Int, of id: JobID) {
        state.withLock { state in
            guard state.followed[id]?.signals.removeValue(forKey: number) != nil else { return }
            state.count -= 1
            if state.followed[id]?.signals.isEmpty == true { state.followed[id] = nil }
        }
    }

    /// The job has changed.
    func ring(_ id: JobID) {
        tell(id, .changed) { $0.interest == .changes }
    }

    /// The job has ended.
    func end(_ job: Job) {
        tell(job.id, .ended(job)) { _ in true }
    }

    /// A look at the store found the job like this; nil if it is gone. Whoever can't have heard of that is woken.
    func found(_ job: Job?, of id: JobID) {
        guard let job else { return tell(id, .changed) { _ in true } }
        guard !job.status.isEnded else { return end(job) }
        let isNew = state.withLock { state in
            guard let before = state.followed[id]?.revision else {
                state.followed[id]?.revision = job.revision
                return true
            }
            state.followed[id]?.revision = job.revision
            return before != job.revision
        }
        if isNew { ring(id) }
    }

    /// Wakes everybody for the last time, now and in future.
    func close() {
        let signals = state.withLock { state in
            state.isClosed = true
            return state.followed.values.flatMap { Array($0.signals.values) }
        }
        for signal in signals { signal.tell(.closed) }
    }

    private func tell(_ id: JobID, _ wake: Wake, where isMeant: (WakeSignal) -> Bool) {
        let signals = state.withLock { Array(($0.followed[id]?.signals ?? [:]).values) }
        for signal in signals where isMeant(signal) { signal.tell(wake) }
    }
}
