import Platform
import Synchronization

/// Where everything in this room takes the time from, so that a test can bring its own.
public protocol JobClock: Sendable {
    /// The time of day, to be shown.
    var wall: WallTime { get }
    /// The time to measure with.
    var now: MonotonicTime { get }
    /// Returns once `now` has reached `deadline`.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    func sleep(until deadline: MonotonicTime) async throws
}

extension JobClock {
    /// Does something every so often, first when so much time has gone by, until the task is cancelled. The time that it
    /// takes itself comes on top.
    public func every(_ interval: Duration, _ work: () async -> Void) async {
        while !Task.isCancelled, (try? await sleep(until: now + interval)) != nil { await work() }
    }
}

/// The machine's clocks.
public struct SystemClock: JobClock {
    /// The machine's clocks.
    public init() {}

    /// The time of day.
    public var wall: WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(milliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// The time to measure with.
    public var now: MonotonicTime { .now }

    /// Returns once `now` has reached `deadline`; throws `CancellationError` when the task is cancelled.
    public func sleep(until deadline: MonotonicTime) async throws {
        while case let remaining = deadline - now, remaining > .zero {
            try await Task.sleep(for: min(remaining, .seconds(86_400)))
        }
    }
}

/// A clock that stands still until a test moves it.
public final class ManualClock: JobClock {
    private struct Sleeper {
        let deadline: MonotonicTime
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct Watcher {
        let sleepers: Int
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var wall: WallTime
        var now: MonotonicTime
        var sleepers: [Int: Sleeper] = [:]
        var lastSleeper = 0
        var watchers: [Watcher] = []
    }

    private let state: Mutex<State>

    /// A clock that shows `wall`, by default the beginning of 2026.
    public init(wall: WallTime = WallTime(milliseconds: 1_767_225_600_000)) {
        state = Mutex(State(wall: wall, now: MonotonicTime(nanoseconds: 1_000_000_000)))
    }

    /// The time of day that was set, and what went by since.
    public var wall: WallTime { state.withLock { $0.wall } }

    /// A time that only `advance` moves.
    public var now: MonotonicTime { state.withLock { $0.now } }

    /// How many tasks sleep by this clock.
    public var sleepers: Int { state.withLock { $0.sleepers.count } }

    /// Lets time pass, and wakes whom it is time for.
    public func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now + duration
            state.wall = WallTime(milliseconds: state.wall.milliseconds + duration.wholeNanoseconds / 1_000_000)
            let now = state.now
            let due = state.sleepers.filter { $0.value.deadline <= now }
            for number in due.keys { state.sleepers[number] = nil }
            return due.sorted { $0.value.deadline < $1.value.deadline }
        }
        for (_, sleeper) in due { sleeper.continuation.resume() }
    }

    /// Sets the time of day, as an operator or NTP might; no time passes.
    public func setWall(_ wall: WallTime) {
        state.withLock { $0.wall = wall }
    }

    /// Returns once at least `count` tasks sleep by this clock.
    public func waitForSleepers(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.sleepers.count >= count { return true }
                state.watchers.append(Watcher(sleepers: count, continuation: continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    /// Returns once `now` has reached `deadline`; throws `CancellationError` when the task is cancelled.
    public func sleep(until deadline: MonotonicTime) async throws {
        let number = state.withLock { state in
            state.lastSleeper += 1
            return state.lastSleeper
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                add(Sleeper(deadline: deadline, continuation: continuation), number: number)
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: number) }?.continuation
                .resume(throwing: CancellationError())
        }
    }

    /// Puts the sleeper to bed, unless it is late already or was cancelled before it got here.
    private func add(_ sleeper: Sleeper, number: Int) {
        enum Bed { case asleep, late, cancelled }
        let (bed, watchers) = state.withLock { state -> (Bed, [Watcher]) in
            if Task.isCancelled { return (.cancelled, []) }
            if sleeper.deadline <= state.now { return (.late, []) }
            state.sleepers[number] = sleeper
            let count = state.sleepers.count
            let watchers = state.watchers.filter { $0.sleepers <= count }
            state.watchers.removeAll { $0.sleepers <= count }
            return (.asleep, watchers)
        }
        switch bed {
        case .asleep: break
        case .late: sleeper.continuation.resume()
        case .cancelled: sleeper.continuation.resume(throwing: CancellationError())
        }
        for watcher in watchers { watcher.continuation.resume() }
    }
}
