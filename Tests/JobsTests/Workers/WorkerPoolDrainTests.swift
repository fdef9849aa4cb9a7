import Platform
import Testing

@testable import Jobs

@Suite("A draining worker pool", .timeLimit(.minutes(10)))
struct WorkerPoolDrainTests {
    private static let forever = MonotonicTime(nanoseconds: .max)

    @Test("finishes what was begun and gives back what was not")
    func drain() async throws {
        let gate = ThreadGate()
        let running = try RunningPool(workers: 1, processor: ScriptedProcessor { _, _ in gate.pass() })
        let begun = try await running.submit(.init(parts: 3))
        await gate.waitForArrivals(1)
        let claimed = try await running.submit(.init())
        let queued = try await running.submit(.init())
        _ = await running.pool.crew.reaches({ $0.jobs.count == 2 && $0.pending == 1 }, until: Self.forever)

        let draining = Task { await running.pool.drain(within: .seconds(30)) }
        _ = await running.pool.crew.reaches({ $0.isDraining }, until: Self.forever)
        gate.openForGood()
        #expect(await draining.value == DrainReport(released: 1, stillBusy: 0))
        #expect(try await running.store.job(begun.id)?.status == .succeeded)
        for job in [claimed, queued] {
            let kept = try await running.store.job(job.id)
            #expect(kept?.status == .queued && kept?.attempt == 0)
        }
        #expect(running.backlog.metrics.queuedJobs == 2)
        #expect(running.pool.health.alive == 0)
    }

    @Test("a job that is interrupted while the pool drains has lost no attempt")
    func interrupted() async throws {
        let gate = ThreadGate()
        let running = try RunningPool(workers: 1, processor: ScriptedProcessor { _, _ in gate.pass() })
        let job = try await running.submit(.init(parts: 1, failingAt: 251))
        await gate.waitForArrivals(1)
        let draining = Task { await running.pool.drain(within: .seconds(30)) }
        _ = await running.pool.crew.reaches({ $0.isDraining }, until: Self.forever)
        gate.openForGood()
        #expect(await draining.value.stillBusy == 0)
        let kept = try await running.store.job(job.id)
        #expect(kept?.status == .queued && kept?.attempt == 0)
        #expect(running.backlog.metrics.queuedJobs == 1)
    }

    @Test("gives back at the deadline what is not finished, and drops what comes of it later")
    func deadline() async throws {
        let gate = ThreadGate()
        let running = try RunningPool(workers: 2, processor: ScriptedProcessor { _, _ in gate.pass() })
        let job = try await running.submit(.init(parts: 3))
        await gate.waitForArrivals(2)
        let draining = Task { await running.pool.drain(within: .seconds(30)) }
        await running.clock.waitForSleepers(1)
        running.clock.advance(by: .seconds(30))
        #expect(await draining.value == DrainReport(released: 1, stillBusy: 2))
        #expect(try await running.store.job(job.id)?.status == .queued)
        gate.openForGood()
        _ = await running.pool.crew.reaches({ $0.alive == 0 }, until: Self.forever)
        #expect(try await running.store.job(job.id)?.status == .queued)
        #expect(running.backlog.metrics.succeeded == 0)
    }

    @Test("an idle pool leaves at once, a second time too")
    func idle() async throws {
        let running = try RunningPool(workers: 4, processor: ScriptedProcessor())
        #expect(await running.pool.drain(within: .seconds(5)) == DrainReport(released: 0, stillBusy: 0))
        #expect(await running.pool.drain(within: .seconds(5)) == DrainReport(released: 0, stillBusy: 0))
        #expect(running.pool.health.alive == 0)
    }

    @Test("what was left is done by the next pool")
    func successor() async throws {
        let running = try RunningPool(workers: 1, processor: ScriptedProcessor())
        await running.pool.drain(within: .seconds(1))
        let job = try await running.submit(.init(parts: 2))
        let next = WorkerPool(backlog: running.backlog, processor: ScriptedProcessor(), workers: 2)
        try next.start()
        #expect(try await running.end(of: job).status == .succeeded)
        await next.drain(within: .seconds(1))
    }
}
