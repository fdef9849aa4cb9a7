/// The time that a thread had of a processor, lap by lap.
public struct ThreadClock: ~Copyable {
    private var last: Int64

    /// Begins a lap of the thread that calls.
    public init() { last = Self.now }

    /// How much the thread that made the clock has had since it was last asked.
    public mutating func lap() -> Duration {
        let now = Self.now
        defer { last = now }
        return .nanoseconds(max(now - last, 0))
    }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
