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
