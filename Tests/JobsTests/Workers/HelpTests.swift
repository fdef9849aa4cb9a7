import Platform
import Synchronization
import TestSupport
import Testing

@testable import Jobs

/// A processor whose parts are held by a gate, and can be helped with.
private struct HelpedProcessor: JobProcessor {
    /// What becomes of those who want to help.
    enum Helping { case untilClosed, nothingToShare, kept }

    struct Place: HelpPlace {
        let journal: Journal
        let helping: Helping
        let standing = Standing()

        final class Standing: Sendable { let isOpen = Atomic(false) }

        func open() { standing.isOpen.store(true, ordering: .relaxed) }
        func close() { standing.isOpen.store(false, ordering: .relaxed) }

        func help(while isFree: () -> Bool) -> HelpEnd {
            journal.helps.withLock { $0 += 1 }
            switch helping {
            case .untilClosed: break
            case .nothingToShare: return .over
            case .kept: return .idle
            }
            while standing.isOpen.load(ordering: .relaxed) {
                if !isFree() { return .calledAway }
                sched_yield()
            }
            return .over
        }
    }

    final class Journal: Sendable {
        let helps = Mutex(0)
        let steps = Mutex<[WorkStep]>([])
    }

    let helping: Helping
    let journal = Journal()
    let gate = ThreadGate()

    func makeScratch() -> Place { Place(journal: journal, helping: helping) }
    func place(of scratch: Place) -> Place? { scratch }
    func plan(_ job: ClaimedJob) -> Int? { job.parts }
    func partCount(_ plan: Int) -> Int { plan }

    func process(part: Int, of plan: Int, scratch: inout Place) -> Int {
        gate.pass()
        return part
    }

    func finish(_ plan: Int, results: [Int], timings: JobTimings) -> JobOutput {
        JobOutput(body: results.map { UInt8($0) })
    }
}

extension HelpedProcessor.Journal: JobObserver {
    func worked(_ step: WorkStep) { steps.withLock { $0.append(step) } }
}

/// A pool of such a processor.
private struct HelpedPool {
    let clock = ManualClock()
    let processor: HelpedProcessor
    let backlog: Backlog
    let pool: WorkerPool<HelpedProcessor>
    var gate: ThreadGate { processor.gate }
    var health: PoolHealth { pool.health }
    var helps: Int { processor.journal.helps.withLock { $0 } }

    init(workers: Int, processors: Int, helping: HelpedProcessor.Helping = .untilClosed) throws {
        processor = HelpedProcessor(helping: helping)
        backlog = Backlog(store: MemoryJobStore(clock: clock), clock: clock, observer: processor.journal)
        pool = WorkerPool(backlog: backlog, processor: processor, workers: workers, processors: processors)
        try pool.start()
    }

    /// Has all who wait look again whether there is something for them.
    func lookAgain() async {
        for _ in 0..<10 {
            pool.crew.monitor.wakeAll()
            for _ in 0..<100 { await Task.yield() }
        }
    }

    func submit(parts: Int = 1) async throws -> JobID { try await backlog.submit(.sample(parts: parts)).id }

    func end(of jobs: JobID...) async throws {
        for job in jobs {
            let ended = try #require(try await backlog.waitForEnd(job, timeout: .seconds(1)))
            #expect(ended.status == .succeeded)
        }
    }
}

@Suite("Workers who have nothing to do", .timeLimit(.minutes(10)))
struct HelpTests {
    @Test("help one who works on a part; they are busy with it, and their time is that of the job")
    func help() async throws {
        let running = try HelpedPool(workers: 2, processors: 2)
        let job = try await running.submit()
        await running.gate.waitForArrivals(1)
        await waitUntil { running.helps == 1 }
        #expect(running.health.busy == 2 && running.health.helping == 1)
        #expect(running.health.activities.count == 1)
        running.clock.advance(by: .milliseconds(20))
        running.gate.openForGood()
        try await running.end(of: job)
        await running.pool.drain(within: .seconds(1))
        await waitUntil { running.health.alive == 0 }
        #expect(running.health.busy == 0)
        let steps = running.processor.journal.steps.withLock { $0 }
        #expect(steps.count { $0.isPart } == 1)
        let time = steps.filter { $0.time == .milliseconds(20) }
        #expect(time.count == 2 && time.allSatisfy { $0.client == "somebody" })
        #expect(running.backlog.metrics.partsDone == 1)
        #expect(running.helps == 1, "who has helped with a part to its end does not come back to it")
    }

    @Test("leave it for a step of their own, and come back afterwards")
    func calledAway() async throws {
        let running = try HelpedPool(workers: 2, processors: 2)
        let first = try await running.submit()
        await running.gate.waitForArrivals(1)
        await waitUntil { running.helps == 1 }
        let second = try await running.submit()
        await running.gate.waitForArrivals(2)
        #expect(running.health.helping == 0 && running.health.activities.count == 2)
        running.gate.open(for: 1)
        await waitUntil { running.health.helping == 1 }
        #expect(running.health.activities.count == 1)
        running.gate.openForGood()
        try await running.end(of: first, second)
        await running.pool.drain(within: .seconds(1))
    }

    @Test("do not where all are at work", arguments: [1, 2])
    func saturated(workers: Int) async throws {
        let running = try HelpedPool(workers: workers, processors: 8)
        let job = try await running.submit(parts: workers)
        await running.gate.waitForArrivals(workers)
        #expect(running.health.activities.count == workers && running.health.helping == 0)
        #expect(running.helps == 0)
        running.gate.openForGood()
        try await running.end(of: job)
        await running.pool.drain(within: .seconds(1))
    }

    @Test("do not where as many are at work as there are processors", arguments: [1, 2])
    func processors(count: Int) async throws {
        let running = try HelpedPool(workers: 4, processors: count)
        let job = try await running.submit(parts: count)
        await running.gate.waitForArrivals(count)
        await running.lookAgain()
        #expect(running.health.activities.count == count && running.health.helping == 0)
        #expect(running.helps == 0)
        running.gate.openForGood()
        try await running.end(of: job)
        await running.pool.drain(within: .seconds(1))
    }

    @Test("are one for each part at most, and none is tried twice where there is nothing to share")
    func nothingToShare() async throws {
        let running = try HelpedPool(workers: 4, processors: 4, helping: .nothingToShare)
        let job = try await running.submit(parts: 2)
        await running.gate.waitForArrivals(2)
        await waitUntil { running.helps >= 2 }
        await running.lookAgain()
        #expect(running.helps == 2)
        running.gate.openForGood()
        try await running.end(of: job)
        await running.pool.drain(within: .seconds(1))
        #expect(running.helps == 2)
    }

    @Test("come back some times to one who was kept from it, and then no more")
    func kept() async throws {
        let running = try HelpedPool(workers: 2, processors: 2, helping: .kept)
        let job = try await running.submit()
        await running.gate.waitForArrivals(1)
        await waitUntil { running.helps == Desk.mostHelps }
        await running.lookAgain()
        #expect(running.helps == Desk.mostHelps)
        running.gate.openForGood()
        try await running.end(of: job)
        await running.pool.drain(within: .seconds(1))
        #expect(running.helps == Desk.mostHelps)
    }

    @Test("go home from it when the pool leaves")
    func drain() async throws {
        let running = try HelpedPool(workers: 2, processors: 2)
        _ = try await running.submit()
        await running.gate.waitForArrivals(1)
        await waitUntil { running.helps == 1 }
        let draining = Task { await running.pool.drain(within: .seconds(30)) }
        await running.clock.waitForSleepers(1)
        #expect(running.health.helping == 1, "help goes on while the jobs that were begun are finished")
        running.clock.advance(by: .seconds(30))
        #expect(await draining.value == DrainReport(released: 1, stillBusy: 1))
        await waitUntil { running.health.alive == 1 }
        running.gate.openForGood()
        await waitUntil { running.health.alive == 0 }
    }
}
