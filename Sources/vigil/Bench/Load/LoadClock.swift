import Platform

/// Where the load takes its time from, on threads that may block.
protocol LoadClock: Sendable {
    /// The time to measure with.
    var now: MonotonicTime { get }
    /// Blocks until `now` has reached `time`.
    func wait(until time: MonotonicTime)
}

/// The machine's clock.
struct SystemLoadClock: LoadClock {
    var now: MonotonicTime { .now }

    func wait(until time: MonotonicTime) {
        var deadline = time.systemTime
        while clock_nanosleep(CLOCK_MONOTONIC, Int32(TIMER_ABSTIME), &deadline, nil) == EINTR {}
    }
}

extension Duration {
    /// The duration in milliseconds, to the nanosecond.
    var milliseconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) * 1e3 + Double(attoseconds / 1_000_000_000) / 1e6
    }
}
