import Platform
import Synchronization
import TestSupport
import Testing

@testable import Jobs

/// Jobs whose parts come to be known one after the other.
private struct GrowingProcessor: JobProcessor {
    final class Plan: Sendable {
        let known = Atomic(0)
        let isStopped = Atomic(false)
        let preparing = Atomic(0)
    }

    let gate: ThreadGate
    let plans = PlanList()

    final class PlanList: Sendable {
        let all = Mutex<[Plan]>([])
    }

    func makeScratch() {}
    func plan(_ job: ClaimedJob) throws(JobFailure) -> Plan? {
        let plan = Plan()
        plans.all.withLock { $0.append(plan) }
        return plan
    }
    func partCount(_ plan: Plan) -> Int { 0 }
    func isGrowing(_ plan: Plan) -> Bool { true }
    func prepare(_ plan: Plan) throws(JobFailure) -> PartsKnown {
        let beside = plan.preparing.wrappingAdd(1, ordering: .relaxed).oldValue
        defer { plan.preparing.wrappingSubtract(1, ordering: .relaxed) }
        guard beside == 0 else { throw JobFailure(reason: "two", detail: "two threads prepare a job") }
        gate.pass()
        let count = plan.known.wrappingAdd(1, ordering: .relaxed).newValue
        return PartsKnown(count: count, isAll: count == 5)
    }
    func standing(_ plan: Plan, partsDone: Int) -> JobStanding? {
        JobStanding(partsDone: 10 * partsDone, secondsLeft: 7, note: [UInt8(partsDone)])
    }
    func stop(_ plan: Plan) { plan.isStopped.store(true, ordering: .relaxed) }
    func isSerial(kind: String) -> Bool { true }
    func process(part: Int, of plan: Plan, scratch: inout Void) throws(JobFailure) -> UInt8 { UInt8(part) }
    func finish(_ plan: Plan, results: [UInt8], timings: JobTimings) throws(JobFailure) -> JobOutput {
        JobOutput(body: results, subject: JobSubject([9]))
    }
}

@Suite("Jobs that grow", .timeLimit(.minutes(10)))
struct GrowingJobTests {
    private func begin(
        _ settings: MemoryJobStore.Settings = .init()
    ) throws -> (Backlog, WorkerPool<GrowingProcessor>, GrowingProcessor, ThreadGate) {
        let gate = ThreadGate()
        let clock = ManualClock()
        let processor = GrowingProcessor(gate: gate)
        let backlog = Backlog(
            store: MemoryJobStore(settings: settings, clock: clock, random: SeededRandom(seed: 3)), clock: clock)
        let pool = WorkerPool(backlog: backlog, processor: processor, workers: 3)
        try pool.start()
        return (backlog, pool, processor, gate)
    }

    @Test("parts are done as they come to be known, and put together in order")
    func whole() async throws {
        let (backlog, pool, _, gate) = try begin()
        gate.openForGood()
        let job = try await backlog.submit(.sample(parts: 100))
        let ended = try #require(try await backlog.waitForEnd(job.id, timeout: .seconds(1)))
        #expect(ended.status == .succeeded && ended.note == nil && ended.subject.bytes == [9])
        #expect(try await backlog.output(job.id)?.body == [0, 1, 2, 3, 4])
        #expect(backlog.metrics.secondsPerPart == nil, "what it has taken says nothing of parts")
        await pool.drain(within: .seconds(1))
    }

    @Test("however short they are said to be, no more are begun with than there are workers and one")
    func crowd() async throws {
        var settings = MemoryJobStore.Settings()
        settings.serialKinds = [NewJob.sample().kind]
        let (backlog, pool, processor, gate) = try begin(settings)
        var jobs: [Job] = []
        for _ in 0..<20 { jobs.append(try await backlog.submit(.sample(parts: 1))) }
        await gate.waitForArrivals(3)
        _ = await pool.crew.reaches(
            { $0.jobs.count >= 4 && !$0.isClaiming }, until: MonotonicTime(nanoseconds: .max))
        #expect(pool.health.runningJobs == 4)
        #expect(processor.plans.all.withLock { $0.count } <= 4)
        gate.openForGood()
        for job in jobs { #expect(try await backlog.waitForEnd(job.id, timeout: .seconds(1))?.status == .succeeded) }
        await pool.drain(within: .seconds(1))
    }

    @Test("while it runs it says how far it is; when it is stopped, what goes on for it is")
    func standing() async throws {
        let (backlog, pool, processor, gate) = try begin()
        let job = try await backlog.submit(.sample(parts: 100))
        let watch = backlog.watch(job.id)
        gate.open(for: 2)
        await gate.waitForArrivals(3)
        var shown = try #require(try await backlog.job(job.id))
        while shown.note != [2] || shown.partsDone != 20 {
            _ = await watch.next(until: MonotonicTime(nanoseconds: .max))
            shown = try #require(try await backlog.job(job.id))
        }
        #expect(shown.status == .running && shown.estimatedSeconds == 7)
        _ = try await backlog.cancel(job.id)
        #expect(processor.plans.all.withLock { $0.allSatisfy { $0.isStopped.load(ordering: .relaxed) } })
        gate.openForGood()
        #expect(try await backlog.waitForEnd(job.id, timeout: .seconds(1))?.status == .cancelled)
        await pool.drain(within: .seconds(1))
    }

    @Test("what two workers say of it at once is kept in the order in which it came to be")
    func order() async throws {
        for _ in 0..<60 {
            let (backlog, pool, _, gate) = try begin()
            let job = try await backlog.submit(.sample(parts: 100))
            gate.open(for: 4)
            await gate.waitForArrivals(5)
            // All that is known is done and told of, and one waits for more: but for the dispatcher nothing is pending.
            _ = await pool.crew.reaches(
                { $0.pending == 1 && $0.jobs.values.allSatisfy { $0.partsDone == 4 } },
                until: MonotonicTime(nanoseconds: .max))
            let shown = try #require(try await backlog.job(job.id))
            #expect(shown.note == [4] && shown.partsDone == 40)
            gate.openForGood()
            #expect(try await backlog.waitForEnd(job.id, timeout: .seconds(1))?.status == .succeeded)
            await pool.drain(within: .seconds(1))
        }
    }

    @Test("a pool that leaves stops it, and it is queued again")
    func leaves() async throws {
        let (backlog, pool, processor, gate) = try begin()
        let job = try await backlog.submit(.sample(parts: 100))
        await gate.waitForArrivals(1)
        await pool.drain(within: .zero)
        #expect(processor.plans.all.withLock { $0.allSatisfy { $0.isStopped.load(ordering: .relaxed) } })
        let shown = try await backlog.job(job.id)
        #expect(shown?.status == .queued && shown?.note == nil && shown?.attempt == 0)
        gate.openForGood()
    }
}
