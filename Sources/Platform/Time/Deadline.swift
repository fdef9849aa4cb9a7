/// The moment by which something has to be over, for threads that block.
public struct Deadline: Sendable {
    /// The moment itself.
    public let moment: MonotonicTime

    /// So long from now, at most a year.
    public init(in duration: Duration) {
        // At most a year, so that sums do not overflow.
        moment = MonotonicTime.now + min(max(duration, .zero), .seconds(31_536_000))
    }

    private init(moment: MonotonicTime) { self.moment = moment }

    private var left: Int64 { max(0, moment.nanoseconds - MonotonicTime.now.nanoseconds) }

    /// What is left, in milliseconds as poll(2) takes them, rounded up; 0 once it has passed.
    public var milliseconds: Int32 { Int32(clamping: (left + 999_999) / 1_000_000) }

    /// The end of an equal part of what is left, so that `parts` steps have room one after another.
    public func shared(among parts: Int) -> Deadline {
        let now = MonotonicTime.now.nanoseconds
        let part = max(0, moment.nanoseconds - now) / Int64(max(1, parts))
        return Deadline(moment: MonotonicTime(nanoseconds: now + part))
    }

    /// The earlier of both.
    public func earlier(_ other: Deadline) -> Deadline { moment <= other.moment ? self : other }
}
