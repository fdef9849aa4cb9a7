import HTTP
import HTTPTypes
import Platform
import Synchronization

/// Bounds the requests of each client, by a bucket for each of those seen last.
///
/// A client that is forgotten begins with a full bucket; by then, unless more clients than there is room for are busy
/// at once, it would have been full again anyway.
public final class RateLimiter: Sendable {
    /// Clients that are remembered, some 150 bytes each.
    public static let maxClients = 65_536

    private let limit: RateLimit
    private let now: @Sendable () -> Int64
    private let buckets: Mutex<RecentTable<ClientIdentity, TokenBucket>>

    /// - Parameters:
    ///   - limit: how many requests a client may make, and how fast
    ///   - clients: how many are remembered.
    ///   - now: nanoseconds of a clock that does not go back.
    public init(
        _ limit: RateLimit, clients: Int = RateLimiter.maxClients,
        now: @escaping @Sendable () -> Int64 = { MonotonicTime.now.nanoseconds }
    ) {
        self.limit = limit
        self.now = now
        buckets = Mutex(RecentTable(capacity: clients))
    }

    /// Counts a request; throws 429 where the client has made too many.
    ///
    /// - Returns: the fields that tell the client how many are left (draft-ietf-httpapi-ratelimit-headers).
    func admit(_ client: ClientIdentity) throws(HTTPProblem) -> HTTPFields {
        let now = now()
        let (isAllowed, level) = buckets.withLock { buckets in
            buckets.update(client, default: TokenBucket(limit, now: now)) { $0.take(limit, now: now) }
        }
        var fields: HTTPFields = [
            .rateLimitPolicy: "\"default\";q=\(limit.burst);w=\(limit.window)",
            .rateLimit: "\"default\";r=\(level.remaining);t=\(level.secondsToFull)",
        ]
        guard !isAllowed else { return fields }
        fields[.retryAfter] = String(max(1, level.secondsToNext))
        throw Problem.rateLimited(limit, fields)
    }
}

extension HTTPField.Name {
    static let rateLimit = HTTPField.Name("RateLimit") ?? .accept
    static let rateLimitPolicy = HTTPField.Name("RateLimit-Policy") ?? .accept
}

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

/// A dictionary of bounded size that forgets whatever was not used for longest. Each step takes the same time.
struct RecentTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Node: Sendable {
        let key: Key
        var value: Value
        /// Towards those used later, and earlier; -1 for none.
        var newer = -1
        var older = -1
    }

    private let capacity: Int
    private var nodes: [Node] = []
    private var places: [Key: Int] = [:]
    private var newest = -1
    private var oldest = -1

    /// A table of at most `capacity` entries, at least 1.
    init(capacity: Int) { self.capacity = max(1, capacity) }

    var count: Int { nodes.count }

    /// Changes the value of a key, which is `initial` where there is none yet, and makes it the one used last.
    mutating func update<Result>(
        _ key: Key, default initial: @autoclosure () -> Value, _ change: (inout Value) -> Result
    ) -> Result {
        let place = place(of: key, initial)
        if place != newest {
            unlink(place)
            link(place)
        }
        return change(&nodes[place].value)
    }

    private mutating func place(of key: Key, _ initial: () -> Value) -> Int {
        if let place = places[key] { return place }
        let node = Node(key: key, value: initial())
        guard nodes.count == capacity else {
            nodes.append(node)
            places[key] = nodes.count - 1
            link(nodes.count - 1)
            return nodes.count - 1
        }
        let place = oldest
        unlink(place)
        places[nodes[place].key] = nil
        nodes[place] = node
        places[key] = place
        link(place)
        return place
    }

    private mutating func link(_ place: Int) {
        nodes[place].older = newest
        nodes[place].newer = -1
        if newest >= 0 { nodes[newest].newer = place }
        newest = place
        if oldest < 0 { oldest = place }
    }

    private mutating func unlink(_ place: Int) {
        let (newer, older) = (nodes[place].newer, nodes[place].older)
        if newer >= 0 { nodes[newer].older = older } else { newest = older }
        if older >= 0 { nodes[older].newer = newer } else { oldest = newer }
    }
}
