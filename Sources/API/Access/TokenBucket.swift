/// How many requests a client may make: a steady rate, and how many at once after a pause.
public struct RateLimit: Sendable, Equatable {
    /// Requests a second, at least 1.
    public let perSecond: Int
    /// Requests at once, at least 1.
    public let burst: Int

    /// A limit; numbers below 1 count as 1.
    public init(perSecond: Int, burst: Int) {
        self.perSecond = max(1, perSecond)
        self.burst = max(1, burst)
    }

    /// Seconds in which an empty bucket fills up.
    var window: Int { (burst + perSecond - 1) / perSecond }
}

/// A client's allowance: it fills at the limit's rate up to the burst, and each request takes one out.
///
/// Counted in parts of a request, a billion to one, so that a nanosecond adds `perSecond` parts and nothing is rounded.
struct TokenBucket: Sendable {
    /// What is left after a request was let through or refused.
    struct Level: Sendable, Equatable {
        /// Requests that could follow at once.
        let remaining: Int
        /// Seconds, rounded up, until the bucket is full.
        let secondsToFull: Int
        /// Seconds, rounded up, until the next request is let through; 0 where it would be now.
        let secondsToNext: Int
    }

    private static let parts: Int64 = 1_000_000_000

    private var level: Int64
    private var updated: Int64

    /// A full bucket.
    init(_ limit: RateLimit, now: Int64) {
        level = Self.capacity(limit)
        updated = now
    }

    /// Takes one out if there is one.
    ///
    /// - Parameter now: nanoseconds of a clock that does not go back; should it, no time has passed.
    mutating func take(_ limit: RateLimit, now: Int64) -> (isAllowed: Bool, level: Level) {
        refill(limit, now: now)
        let isAllowed = level >= Self.parts
        if isAllowed { level -= Self.parts }
        let rate = Self.parts * Int64(limit.perSecond)
        let missing = max(0, Self.parts - level)
        return (
            isAllowed,
            Level(
                remaining: Int(level / Self.parts),
                secondsToFull: Int((Self.capacity(limit) - level + rate - 1) / rate),
                secondsToNext: Int((missing + rate - 1) / rate))
        )
    }

    private mutating func refill(_ limit: RateLimit, now: Int64) {
        let elapsed = max(0, now &- updated)
        updated = max(updated, now)
        let (added, overflows) = elapsed.multipliedReportingOverflow(by: Int64(limit.perSecond))
        let room = Self.capacity(limit) - level
        level += overflows ? room : min(added, room)
    }

    private static func capacity(_ limit: RateLimit) -> Int64 { parts * Int64(min(limit.burst, 1_000_000_000)) }
}
