/// A reading of a clock that only goes forward; what it counts from is the clock's own affair.
public struct MonotonicTime: Hashable, Comparable, Sendable {
    /// Nanoseconds since the clock's own beginning.
    public let nanoseconds: Int64

    /// The reading of so many nanoseconds.
    @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Later than any deadline.
    @inlinable public static var distantFuture: MonotonicTime { MonotonicTime(nanoseconds: .max) }

    /// What the machine's clock reads.
    public static var now: MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// The reading `duration` later, at most the last one there is.
    @inlinable
    public static func + (time: MonotonicTime, duration: Duration) -> MonotonicTime {
        let (sum, overflow) = time.nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        return MonotonicTime(nanoseconds: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    /// The reading `duration` later.
    package func advanced(by duration: Duration) -> MonotonicTime { self + duration }

    /// The time that went by from `earlier` to `later`.
    @inlinable
    public static func - (later: MonotonicTime, earlier: MonotonicTime) -> Duration {
        .nanoseconds(later.nanoseconds) - .nanoseconds(earlier.nanoseconds)
    }

    /// Whether the left one is earlier.
    @inlinable
    public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool { left.nanoseconds < right.nanoseconds }
}

extension Duration {
    /// The duration in nanoseconds, at the ends of the range where it is longer than 292 years.
    @inlinable public var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carried) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || carried ? (seconds < 0 ? .min : .max) : sum
    }

    /// The duration in seconds.
    public var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}

/// The moment by which something has to be over, for threads that block.
public struct Deadline: Sendable {
    /// The moment itself.
    public let moment: MonotonicTime
    /// Whether nobody waits any more; nil where nobody gives up.
    private let isGivenUp: (@Sendable () -> Bool)?
    /// How long somebody who waits does not look whether it is given up.
    private static let glance: Int32 = 100

    /// So long from now, at most a year.
    ///
    /// - Parameters:
    ///   - duration: how long
    ///   - isGivenUp: ends it early once it says so; it is asked ten times a second
    public init(in duration: Duration, unless isGivenUp: (@Sendable () -> Bool)? = nil) {
        // At most a year, so that sums do not overflow.
        moment = MonotonicTime.now + min(max(duration, .zero), .seconds(31_536_000))
        self.isGivenUp = isGivenUp
    }

    private init(moment: MonotonicTime, unless isGivenUp: (@Sendable () -> Bool)?) {
        self.moment = moment
        self.isGivenUp = isGivenUp
    }

    private var left: Int64 { max(0, moment.nanoseconds - MonotonicTime.now.nanoseconds) }

    /// What is left, in milliseconds as poll(2) takes them, rounded up, or the time to the next look whether it is given up; 0
    /// once it has passed.
    public var milliseconds: Int32 {
        let whole = Int32(clamping: (left + 999_999) / 1_000_000)
        guard let isGivenUp else { return whole }
        return isGivenUp() ? 0 : min(whole, Self.glance)
    }

    /// The end of an equal part of what is left, so that `parts` steps have room one after another.
    public func shared(among parts: Int) -> Deadline {
        let now = MonotonicTime.now.nanoseconds
        let part = max(0, moment.nanoseconds - now) / Int64(max(1, parts))
        return Deadline(moment: MonotonicTime(nanoseconds: now + part), unless: isGivenUp)
    }

    /// The earlier of both.
    public func earlier(_ other: Deadline) -> Deadline { moment <= other.moment ? self : other }
}
