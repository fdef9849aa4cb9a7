import Platform
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
        /// When the first came since the last look, and when a look last was the first that somebody had.
        var firstUnseen: MonotonicTime?
        var newestSeen: MonotonicTime?
        /// Closed by the next watch that is made.
        var newcomer: Latch<Bool?>?
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

    /// Whether anybody follows a job.
    func follows(_ id: JobID) -> Bool { state.withLock { $0.followed[id] != nil } }

    func add(to id: JobID, for interest: WatchInterest) -> Watch {
        let signal = WakeSignal(for: interest)
        let now = alarm.clock.now
        let (number, isClosed, newcomer) = state.withLock { state in
            state.lastNumber += 1
            state.count += 1
            state.followed[id, default: Followed()].signals[state.lastNumber] = signal
            state.firstUnseen = state.firstUnseen ?? now
            defer { state.newcomer = nil }
            return (state.lastNumber, state.isClosed, state.newcomer)
        }
        if isClosed { signal.tell(.closed) }
        newcomer?.close(with: true)
        return Watch(of: id, number: number, signal: signal, among: self)
    }

    func remove(_ number: Int, of id: JobID) {
        state.withLock { state in
            guard state.followed[id]?.signals.removeValue(forKey: number) != nil else { return }
            state.count -= 1
            if state.followed[id]?.signals.isEmpty == true { state.followed[id] = nil }
            if state.followed.isEmpty { (state.firstUnseen, state.newestSeen) = (nil, nil) }
        }
    }

    /// The jobs that are followed.
    var jobs: [JobID] { state.withLock { Array($0.followed.keys) } }

    /// The jobs to be looked at now, in the store that others have part in.
    func beginLook() -> [JobID] {
        let now = alarm.clock.now
        return state.withLock { state in
            if state.firstUnseen != nil { state.newestSeen = now }
            state.firstUnseen = nil
            return Array(state.followed.keys)
        }
    }

    /// Somebody who waits for a job's end has read it: where nobody else follows it, the next look need not.
    func read(_ job: Job) {
        state.withLock { state in
            guard let followed = state.followed[job.id], followed.revision == nil,
                followed.signals.values.allSatisfy({ $0.interest == .end })
            else { return }
            state.followed[job.id]?.revision = job.revision
        }
    }

    /// When those who follow want the next look.
    ///
    /// - Parameters:
    ///   - looked: when the last was
    ///   - newcomer: closed when one comes who wants it sooner
    /// - Returns: nil where nobody follows
    func nextLook(after looked: MonotonicTime, newcomer: Latch<Bool?>) -> MonotonicTime? {
        state.withLock { state in
            let soonest = ChangePoll.soonest(following: state.followed.count)
            if let first = state.firstUnseen { return max(first, looked) + soonest }
            state.newcomer = newcomer
            return state.newestSeen.map { looked + max(soonest, (looked - $0) / 2) }
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

    /// Those of the jobs that are followed which are not as a look found them last, by their revisions.
    func changed(_ revisions: [JobID: Int], among jobs: [JobID]) -> [JobID] {
        state.withLock { state in
            jobs.filter { id in
                guard let followed = state.followed[id] else { return false }
                return followed.revision == nil || followed.revision != revisions[id]
            }
        }
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

/// The right to be woken when a job changes, for as long as somebody holds it.
///
/// Whoever looks at the job after a wake, and for the first time after the watch was made, misses nothing: a change
/// between look and wait is remembered, once. So a slow reader costs no more than a quick one.
public final class Watch: Sendable {
    /// The job that is followed.
    public let id: JobID
    private let number: Int
    private let signal: WakeSignal
    private let watchers: Watchers

    init(of id: JobID, number: Int, signal: WakeSignal, among watchers: Watchers) {
        self.id = id
        self.number = number
        self.signal = signal
        self.watchers = watchers
    }

    deinit { watchers.remove(number, of: id) }

    /// Waits, without holding a thread, until something has happened since the last call, or the time is up. One task
    /// waits at a time.
    public func next(until deadline: MonotonicTime) async -> Wake {
        if let wake = signal.takePending() { return wake }
        guard deadline > watchers.alarm.clock.now else { return .timeUp }
        let wait = signal.begin()
        let entry = watchers.alarm.set(for: deadline) { [signal] in signal.lapse(wait, with: .timeUp) }
        defer { watchers.alarm.clear(entry) }
        return await signal.wake(wait)
    }

    /// Wakes the one who waits, as if the job had changed.
    public func wake() { signal.tell(.changed) }
}

/// Why one who follows a job is woken.
public enum Wake: Sendable, Equatable {
    /// Something may have happened to the job: it is time to look again.
    case changed
    /// The job has ended, like this; there will be no other wake.
    case ended(Job)
    /// Nothing happened until the time was up.
    case timeUp
    /// The process is leaving and tells nobody anything any more.
    case closed
    /// The task was cancelled.
    case cancelled

    /// Which of two wakes is left when nobody has heard the first one yet: the one after which there is less to come.
    func merged(with later: Wake) -> Wake {
        later.weight >= weight ? later : self
    }

    private var weight: Int {
        switch self {
        case .timeUp, .cancelled: 0
        case .changed: 1
        case .closed: 2
        case .ended: 3
        }
    }
}

/// What a watch is woken for.
enum WatchInterest: Sendable {
    /// Each change of the job.
    case changes
    /// Its end.
    case end
}

/// Where one watcher's wakes arrive. It holds one at most, however many come before somebody listens.
final class WakeSignal: Sendable {
    private enum State {
        case quiet
        case pending(Wake)
        case awaited(CheckedContinuation<Wake, Never>, wait: Int)
    }

    let interest: WatchInterest
    /// With the last wait that has begun, and what ended one before anybody listened.
    private let state = Mutex((State.quiet, lastWait: 0, lapsed: nil as (wait: Int, wake: Wake)?))

    init(for interest: WatchInterest) {
        self.interest = interest
    }

    /// Wakes who listens, or whoever listens next.
    func tell(_ wake: Wake) {
        let listener = state.withLock { state -> CheckedContinuation<Wake, Never>? in
            switch state.0 {
            case .quiet:
                state.0 = .pending(wake)
                return nil
            case .pending(let before):
                state.0 = .pending(before.merged(with: wake))
                return nil
            case .awaited(let continuation, _):
                state.0 = .quiet
                return continuation
            }
        }
        listener?.resume(returning: wake)
    }

    /// Begins a wait; its number tells it from those before and after.
    func begin() -> Int {
        state.withLock { state in
            state.lastWait += 1
            return state.lastWait
        }
    }

    /// Ends this wait with `wake`, unless it is over. Where it has begun and nobody listens yet, whoever does is told.
    func lapse(_ wait: Int, with wake: Wake) {
        let listener = state.withLock { state -> CheckedContinuation<Wake, Never>? in
            guard case .awaited(let continuation, wait: wait) = state.0 else {
                if wait == state.lastWait { state.lapsed = (wait, wake) }
                return nil
            }
            state.0 = .quiet
            return continuation
        }
        listener?.resume(returning: wake)
    }

    /// The wake that has arrived, or the next one. One listens at a time.
    func wake(_ wait: Int) async -> Wake {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let arrived = state.withLock { state -> Wake? in
                    if case .pending(let wake) = state.0 {
                        state.0 = .quiet
                        return wake
                    }
                    if let lapsed = state.lapsed, lapsed.wait == wait { return lapsed.wake }
                    // A cancellation before this moment found nobody to wake; one after it finds this wait.
                    if Task.isCancelled { return .cancelled }
                    state.0 = .awaited(continuation, wait: wait)
                    return nil
                }
                if let arrived { continuation.resume(returning: arrived) }
            }
        } onCancel: {
            lapse(wait, with: .cancelled)
        }
    }

    /// Takes the wake that has arrived, if one has.
    func takePending() -> Wake? {
        state.withLock { state in
            guard case .pending(let wake) = state.0 else { return nil }
            state.0 = .quiet
            return wake
        }
    }

    /// Whether somebody listens now.
    var isAwaited: Bool {
        state.withLock { state in
            if case .awaited = state.0 { true } else { false }
        }
    }
}

/// Following jobs on their way.
extension Backlog {
    /// Follows a job: the watch wakes after each change of it until it is let go. Look at the job after making it.
    public func watch(_ id: JobID) -> Watch { watchers.add(to: id, for: .changes) }

    /// Wakes all who follow or wait for jobs, because the process is leaving; from now on nobody waits long.
    public func stopWatching() { watchers.close() }

    /// Waits until a job has ended, without holding a thread.
    ///
    /// The watch is there before the job is looked up, so that an end in between is not missed.
    ///
    /// - Returns: the job as it ended, or as it is when the time is up, the task is cancelled or the process leaves;
    ///   nil if it is unknown.
    public func waitForEnd(_ id: JobID, timeout: Duration) async throws(JobStoreError) -> Job? {
        let deadline = clock.now + timeout
        let watch = watchers.add(to: id, for: .end)
        guard let job = try await store.job(id) else { return nil }
        guard !job.status.isEnded, timeout > .zero else { return estimated(job) }
        watchers.read(job)
        if case .ended(let ended) = await watch.next(until: deadline) { return ended }
        return try await self.job(id)
    }

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
}
