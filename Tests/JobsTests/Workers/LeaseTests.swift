import Platform
import Testing

@testable import Jobs

@Suite("A worker pool and the leases of its claims", .timeLimit(.minutes(10)))
struct LeaseTests {
    private static let forever = MonotonicTime(nanoseconds: .max)

    @Test("what is in hand stays in hand, however long it takes: it is renewed before what has run out is given back")
    func renewed() async throws {
        let gate = ThreadGate()
        let running = try RunningPool(workers: 1, processor: ScriptedProcessor { _, _ in gate.pass() })
        let jobs = [try await running.submit(.init()), try await running.submit(.init())]
        await gate.waitForArrivals(1)
        _ = await running.pool.crew.reaches({ $0.jobs.count == 2 && $0.pending == 1 }, until: Self.forever)
        let expiry = Expiry(of: running.backlog)
        for seconds in [10, 30, 59, 60, 61, 3_600, 86_400] {
            running.clock.advance(by: .seconds(seconds))
            try await expiry.runOnce()
            #expect(try await running.store.counts().running == 2)
        }
        gate.openForGood()
        for job in jobs {
            let ended = try await running.end(of: job)
            #expect(ended.status == .succeeded && ended.attempt == 1)
        }
        await running.pool.drain(within: .seconds(1))
        #expect(running.backlog.metrics.queuedJobs == 0)
    }

    @Test("a claim that is lost with its holder is done by another, and the books are right")
    func lost() async throws {
        let running = try RunningPool(workers: 1, processor: ScriptedProcessor())
        await running.pool.drain(within: .seconds(1))
        let job = try await running.submit(.init(parts: 2))
        #expect(try await running.backlog.claim(limit: 1).map(\.id) == [job.id])
        #expect(running.backlog.metrics.queuedJobs == 0)
        running.clock.advance(by: .seconds(60))
        try await Expiry(of: running.backlog).runOnce()
        #expect(running.backlog.metrics.queuedJobs == 1)
        let next = WorkerPool(backlog: running.backlog, processor: ScriptedProcessor(), workers: 1)
        try next.start()
        let ended = try await running.end(of: job)
        #expect(ended.status == .succeeded && ended.attempt == 2)
        await next.drain(within: .seconds(1))
        #expect(running.backlog.metrics.queuedJobs == 0 && running.backlog.metrics.queuedBytes == 0)
    }

    @Test("a claim that somebody else has ended or has takes up no place here any more", arguments: 0..<3)
    func elsewhere(step: Int) async throws {
        let running = try RunningPool(workers: 1, processor: ScriptedProcessor())
        await running.pool.drain(within: .seconds(1))
        let job = try await running.backlog.submit(.sample(parts: 2_000))
        let claimed = try #require(try await running.backlog.claim(limit: 1).first)
        #expect(running.backlog.jobsApart == [job.id])
        // As another process does it, of which the backlog hears nothing.
        running.clock.advance(by: .seconds(60))
        _ = try await running.store.expire()
        let other = try #require(try await running.store.claim(ClaimLimit(jobs: 1)).first)
        switch step {
        case 0: #expect(try await !running.backlog.complete(claimed.token, with: .done, timings: nil))
        case 1: try await running.backlog.release(claimed.token, as: .unspent)
        default: #expect(try await running.backlog.renew([claimed.token]).map(\.standing) == [.lost])
        }
        #expect(running.backlog.jobsApart == [])
        #expect(try await running.store.complete(other.token, with: .done, timings: nil) != nil)
    }

    @Test("what has gone from one claim to the next takes up the next one's place")
    func next() async throws {
        let running = try RunningPool(workers: 1, processor: ScriptedProcessor())
        await running.pool.drain(within: .seconds(1))
        let job = try await running.backlog.submit(.sample(parts: 2_000))
        let first = try #require(try await running.backlog.claim(limit: 1).first)
        running.clock.advance(by: .seconds(60))
        try await Expiry(of: running.backlog).runOnce()
        _ = try #require(try await running.backlog.claim(limit: 1).first)
        #expect(try await !running.backlog.complete(first.token, with: .done, timings: nil))
        #expect(running.backlog.jobsApart == [job.id])
    }

    @Test("a server says of all jobs in its hands that it has them")
    func inHand() async throws {
        let gate = ThreadGate()
        let running = try RunningPool(workers: 1, processor: ScriptedProcessor { _, _ in gate.pass() })
        let job = try await running.submit(.init())
        await gate.waitForArrivals(1)
        #expect(running.backlog.activity == ServerActivity(workers: 1, running: 1))
        gate.openForGood()
        _ = try await running.end(of: job)
        _ = await running.pool.crew.reaches({ $0.jobs.isEmpty }, until: Self.forever)
        #expect(running.backlog.activity == ServerActivity(workers: 1, running: 0))
        await running.pool.drain(within: .seconds(1))
    }

    @Test("an end or a renewal that takes a job out of the queue takes it out of the books", arguments: [false, true])
    func books(ends: Bool) async throws {
        let running = try RunningPool(workers: 1, processor: ScriptedProcessor())
        await running.pool.drain(within: .seconds(1))
        _ = try await running.submit(.init())
        let claimed = try #require(try await running.backlog.claim(limit: 1).first)
        running.clock.advance(by: .seconds(60))
        try await Expiry(of: running.backlog).runOnce()
        #expect(running.backlog.metrics.queuedJobs == 1)
        if ends {
            #expect(try await running.backlog.complete(claimed.token, with: .done, timings: nil))
        } else {
            #expect(try await running.backlog.renew([claimed.token]).map(\.standing) == [.held])
        }
        #expect(running.backlog.metrics.queuedJobs == 0 && running.backlog.metrics.queuedBytes == 0)
    }
}
