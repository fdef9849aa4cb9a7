#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The moment by which something has to be over, on a clock that never goes back.
public struct Deadline: Sendable {
    /// In nanoseconds since the clock began.
    private let moment: Int64

    /// So long from now, at most a year.
    public init(in duration: Duration) {
        // At most a year, so that sums do not overflow.
        let (seconds, attoseconds) = min(max(duration, .zero), .seconds(31_536_000)).components
        moment = Self.now + seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }

    private init(moment: Int64) { self.moment = moment }

    /// What is left, in milliseconds as poll(2) takes them, rounded up; 0 once it has passed.
    public var milliseconds: Int32 { Int32(clamping: (max(0, moment - Self.now) + 999_999) / 1_000_000) }

    /// As the monotonic clock counts it.
    package var absoluteTime: timespec {
        timespec(tv_sec: Int(moment / 1_000_000_000), tv_nsec: Int(moment % 1_000_000_000))
    }

    /// The end of an equal part of what is left, so that `parts` steps have room one after another.
    public func shared(among parts: Int) -> Deadline {
        let now = Self.now
        return Deadline(moment: now + max(0, moment - now) / Int64(max(1, parts)))
    }

    /// The earlier of both.
    public func earlier(_ other: Deadline) -> Deadline { moment <= other.moment ? self : other }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
