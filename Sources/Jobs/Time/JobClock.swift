import Platform

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
