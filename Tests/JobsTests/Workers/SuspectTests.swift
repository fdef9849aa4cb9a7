import Platform
import Synchronization
import TestSupport
import Testing

@testable import Jobs

/// Long jobs go on until they are told to end; short ones stop at a gate, where they are told to.
private struct EndlessProcessor: JobProcessor {
    final class Stage: Sendable {
        let over = Monitor(false)
        let gate = ThreadGate()

        func end() {
            over.withLock { $0 = true }
            over.wakeAll()
        }
    }

    struct Plan: Sendable {
        let isLong: Bool
        let waits: Bool
    }

    let stage = Stage()

    func makeScratch() {}
    func plan(_ job: ClaimedJob) throws(JobFailure) -> Plan? {
        Plan(isLong: ClaimLimit.isLong(parts: job.parts), waits: job.subject.bytes == [1])
    }
    func partCount(_ plan: Plan) -> Int { plan.isLong ? 0 : 1 }
    func isGrowing(_ plan: Plan) -> Bool { plan.isLong }
    func prepare(_ plan: Plan) throws(JobFailure) -> PartsKnown {
        let isOver = stage.over.wait(until: Deadline(in: .milliseconds(2))) { $0 ? true : nil } ?? false
        return PartsKnown(count: 0, isAll: isOver)
    }
    func standing(_ plan: Plan, partsDone: Int) -> JobStanding? { plan.isLong ? JobStanding(partsDone: 1) : nil }
    func process(part: Int, of plan: Plan, scratch: inout Void) throws(JobFailure) -> UInt8 {
        if plan.waits { stage.gate.pass() }
        return 0
    }
    func finish(_ plan: Plan, results: [UInt8], timings: JobTimings) throws(JobFailure) -> JobOutput {
        JobOutput(body: results)
    }
}

@Suite("Jobs that ran when the process ended", .timeLimit(.minutes(1)))
struct SuspectTests {
    private static let long = 5_000
    private let stage: EndlessProcessor.Stage
    private let processor = EndlessProcessor()
    private let clock = ManualClock()

    init() { stage = processor.stage }

    /// What runs on a store that another process left.
    private func begin(
        on store: any JobStore, workers: Int, serving models: ServedModels = .every
    ) async throws -> (Backlog, WorkerPool<EndlessProcessor>) {
        let backlog = Backlog(store: store, clock: clock)
        try await backlog.resume()
        let pool = WorkerPool(backlog: backlog, processor: processor, workers: workers)
        try pool.start(serving: { models })
        return (backlog, pool)
    }

    private func end(of id: JobID, _ backlog: Backlog) async throws -> JobStatus? {
        try await backlog.waitForEnd(id, timeout: .seconds(1))?.status
    }

    @Test(
        "once the long ones have gone on, short ones and others' are served beside them, whatever ran and in whatever order",
        arguments: [[long], [long, 1], [1, long], [long, long, 1, 1], [1, long, 1, long]], [1, 2, 3])
    func served(parts: [Int], workers: Int) async throws {
        let home = try StoreFolder()
        let first = try home.open(.init(), clock)
        var ids: [JobID] = []
        for parts in parts { ids.append(try await first.insert(.sample(parts: parts)).id) }
        let waiting = try await first.insert(.sample()).id
        #expect(try await first.claim(limit: parts.count).count == parts.count)
        let (backlog, pool) = try await begin(on: home.copy().open(.init(), clock), workers: workers)
        #expect(try await end(of: waiting, backlog) == .succeeded, "what was queued then")
        let new = try await backlog.submit(.sample()).id
        #expect(try await end(of: new, backlog) == .succeeded, "what comes now")
        for (id, parts) in zip(ids, parts) where parts == 1 { #expect(try await end(of: id, backlog) == .succeeded) }
        let long = zip(ids, parts).filter { $0.1 != 1 }.map(\.0)
        var running = 0
        for id in long { running += try await backlog.job(id)?.status == .running ? 1 : 0 }
        #expect(running == 1, "of those that have gone on one at a time may yet end the process")
        stage.end()
        for id in long { #expect(try await end(of: id, backlog) == .succeeded) }
        await pool.drain(within: .seconds(1))
    }

    @Test("while one is tried, what is in hand beside it stands still, and has lost nothing if the process ends")
    func standsStill() async throws {
        let home = try StoreFolder()
        let first = try home.open(.init(), clock)
        let suspect = try await first.insert(.sample(of: "bb", subject: [1])).id
        #expect(try await first.claim(limit: 1).count == 1)
        // Its model comes later, so that another job is in hand by then.
        let second = try home.copy()
        let (backlog, pool) = try await begin(
            on: second.open(.init(), clock), workers: 2, serving: ServedModels(["aa": "tiny"]))
        let long = try await backlog.submit(.sample(of: "aa", parts: Self.long)).id
        _ = await pool.crew.reaches({ $0.jobs.values.contains { $0.standing != nil } }, until: .distantFuture)
        try await backlog.serve(ServedModels(["aa": "tiny", "bb": "tiny"]), missing: .wait)
        await stage.gate.waitForArrivals(1)
        #expect(pool.health.alone == suspect && pool.health.activities.map(\.job) == [suspect])
        let third = try second.copy().open(.init(), clock)
        #expect(try await third.job(long)?.attempt == 0)
        #expect(try await third.job(suspect)?.attempt == 2)
        stage.gate.openForGood()
        #expect(try await end(of: suspect, backlog) == .succeeded)
        _ = await pool.crew.reaches({ $0.schedule.alone == nil }, until: .distantFuture)
        #expect(pool.health.alone == nil)
        stage.end()
        #expect(try await end(of: long, backlog) == .succeeded)
        await pool.drain(within: .seconds(1))
    }

    @Test("a trial that is cancelled is over")
    func cancelled() async throws {
        let home = try StoreFolder()
        let first = try home.open(.init(), clock)
        let suspect = try await first.insert(.sample(subject: [1])).id
        #expect(try await first.claim(limit: 1).count == 1)
        let (backlog, pool) = try await begin(on: home.copy().open(.init(), clock), workers: 2)
        await stage.gate.waitForArrivals(1)
        let other = try await backlog.submit(.sample()).id
        #expect(try await backlog.census()?.suspects == 0)
        _ = try await backlog.cancel(suspect)
        stage.gate.openForGood()
        #expect(try await end(of: suspect, backlog) == .cancelled)
        #expect(try await end(of: other, backlog) == .succeeded)
        await pool.drain(within: .seconds(1))
    }
}
