import HTTP
import HTTPTypes
import Synchronization
import TestSupport
import Testing

@testable import API

@Suite("token buckets")
struct TokenBucketTests {
    private static let second: Int64 = 1_000_000_000

    @Test("a burst at once, then one for each part of a second")
    func burst() {
        let limit = RateLimit(perSecond: 4, burst: 3)
        var bucket = TokenBucket(limit, now: 0)
        #expect((0..<5).map { _ in bucket.take(limit, now: 0).isAllowed } == [true, true, true, false, false])
        #expect(bucket.take(limit, now: Self.second / 4 - 1).isAllowed == false)
        #expect(bucket.take(limit, now: Self.second / 4).isAllowed)
        #expect(bucket.take(limit, now: Self.second / 4).isAllowed == false)
        #expect((0..<4).map { _ in bucket.take(limit, now: 100 * Self.second).isAllowed } == [true, true, true, false])
    }

    @Test("what is left is told in whole requests and seconds")
    func levels() {
        let limit = RateLimit(perSecond: 2, burst: 10)
        var bucket = TokenBucket(limit, now: 0)
        #expect(bucket.take(limit, now: 0).level == .init(remaining: 9, secondsToFull: 1, secondsToNext: 0))
        for _ in 0..<8 { _ = bucket.take(limit, now: 0) }
        #expect(bucket.take(limit, now: 0).level == .init(remaining: 0, secondsToFull: 5, secondsToNext: 1))
        #expect(limit.window == 5)
    }

    @Test("never more than the burst and the rate allow, never less than the rate", arguments: 1...60)
    func bounds(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let limit = RateLimit(
            perSecond: Int.random(in: 1...1_000, using: &random), burst: Int.random(in: 1...100, using: &random))
        var bucket = TokenBucket(limit, now: 0)
        var now: Int64 = 0
        var allowed = 0
        var refused = 0
        for _ in 0..<2_000 {
            now += Int64.random(in: 0...(3 * Self.second / Int64(limit.perSecond)), using: &random)
            let (isAllowed, level) = bucket.take(limit, now: now)
            if isAllowed { allowed += 1 } else { refused += 1 }
            let most = Double(limit.burst) + Double(now) * Double(limit.perSecond) / 1e9
            #expect(Double(allowed) <= most + 1e-6, "seed \(seed)")
            // Whoever is refused has used everything up but a part of one.
            if !isAllowed { #expect(Double(allowed) > most - 1 - Double(limit.burst) || refused > 0, "seed \(seed)") }
            #expect((0...limit.burst).contains(level.remaining), "seed \(seed)")
        }
    }

    @Test("whoever asks as often as Retry-After says is let through", arguments: 1...20)
    func retrying(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let limit = RateLimit(
            perSecond: Int.random(in: 1...5, using: &random), burst: Int.random(in: 1...5, using: &random))
        var bucket = TokenBucket(limit, now: 0)
        var now: Int64 = 0
        for _ in 0..<200 {
            let (isAllowed, level) = bucket.take(limit, now: now)
            guard !isAllowed else { continue }
            now += Int64(level.secondsToNext) * Self.second
            #expect(bucket.take(limit, now: now).isAllowed, "seed \(seed)")
        }
    }

    @Test("a clock that goes back or leaps does no harm")
    func clocks() {
        let limit = RateLimit(perSecond: 1_000_000, burst: 10_000_000)
        var bucket = TokenBucket(limit, now: .max - 5)
        #expect(bucket.take(limit, now: 0).isAllowed)
        #expect(bucket.take(limit, now: .min).isAllowed)
        var other = TokenBucket(limit, now: 0)
        #expect(other.take(limit, now: .max).level.remaining == 9_999_999)
    }
}

@Suite("a limit for each client")
struct RateLimiterTests {
    /// A clock that the test moves.
    private final class Clock: Sendable {
        private let time = Mutex<Int64>(0)
        var now: Int64 { time.withLock { $0 } }
        func advance(seconds: Int64) { time.withLock { $0 += seconds * 1_000_000_000 } }
    }

    private func limiter(_ clock: Clock, clients: Int = 100) -> RateLimiter {
        RateLimiter(RateLimit(perSecond: 1, burst: 2), clients: clients) { clock.now }
    }

    @Test("clients do not use up each other's, and the answer tells what is left")
    func clients() throws {
        let clock = Clock()
        let limiter = limiter(clock)
        let fields = try limiter.admit(.key("a"))
        #expect(fields[.rateLimitPolicy] == "\"default\";q=2;w=2")
        #expect(fields[.rateLimit] == "\"default\";r=1;t=1")
        _ = try limiter.admit(.key("a"))
        let problem = #expect(throws: HTTPProblem.self) { try limiter.admit(.key("a")) }
        #expect(problem?.status == .tooManyRequests)
        #expect(problem?.fields[.retryAfter] == "1")
        #expect(problem?.fields[.rateLimit] == "\"default\";r=0;t=2")
        // A key and an address of the same text are two clients.
        _ = try limiter.admit(.address("a"))
        clock.advance(seconds: 1)
        _ = try limiter.admit(.key("a"))
        #expect(throws: HTTPProblem.self) { try limiter.admit(.key("a")) }
    }

    @Test("the memory is bounded: who was not seen for longest is forgotten")
    func bounded() {
        var table = RecentTable<Int, Int>(capacity: 3)
        func count(_ key: Int) -> Int {
            table.update(key, default: 0) {
                $0 += 1
                return $0
            }
        }
        #expect([1, 2, 3, 1, 4].map(count) == [1, 1, 1, 2, 1])
        #expect(table.count == 3)
        #expect([1, 3, 4].map(count) == [3, 2, 2])
        #expect(count(2) == 1)
        #expect([3, 4, 1].map(count) == [3, 3, 1])
    }

    @Test("the table agrees with a list that is kept in order", arguments: 1...20)
    func agrees(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let capacity = Int.random(in: 1...8, using: &random)
        var table = RecentTable<Int, Int>(capacity: capacity)
        var list: [(key: Int, value: Int)] = []
        for step in 0..<500 {
            let key = Int.random(in: 0..<12, using: &random)
            let known = list.firstIndex { $0.key == key }.map { list.remove(at: $0).value }
            list.append((key, (known ?? 100) + 1))
            if list.count > capacity { list.removeFirst() }
            let value = table.update(key, default: 100) {
                $0 += 1
                return $0
            }
            #expect(value == list.last?.value, "seed \(seed), step \(step)")
            #expect(table.count == list.count)
        }
    }
}
