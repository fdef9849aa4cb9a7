import Foundation
import Platform
import SQLiteStore
import TestSupport
import Testing

@testable import Jobs

@Suite("A pool takes what its store claims for it")
struct TakingTests {
    @Test("nobody else claims while claimed jobs are on their way, and who wanted to is told to look again")
    func oneAtATime() throws {
        let clock = ManualClock()
        let store = MemoryJobStore(clock: clock, random: SeededRandom(seed: 1))
        let pool = WorkerPool(
            backlog: Backlog(store: store, limits: .init(maxJobs: 9), clock: clock), processor: ScriptedProcessor(),
            workers: 1)
        #expect(pool.room() != nil)
        #expect(pool.crew.beginClaim() == nil)
        #expect(pool.crew.endClaim(), "somebody wanted to claim")
        #expect(pool.crew.beginClaim() != nil)
        #expect(pool.room() == nil)
        #expect(!pool.crew.endClaim(), "a store that asks, as it does in each claim, makes nobody claim again")
    }

    @Test("all jobs of a store on disk end once, whoever claimed them, and all books are even", arguments: [1, 4])
    func everyJobEndsOnce(workers: Int) async throws {
        let folder = Paths.scratch + "/taking-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var settings = SQLiteJobStore.Settings()
        settings.durability = .normal
        let store = try SQLiteJobStore(folder: StateFolder(folder), settings: settings)
        let processor = ScriptedProcessor()
        let backlog = Backlog(store: store, limits: .init(maxJobs: 10_000))
        let pool = WorkerPool(backlog: backlog, processor: processor, workers: workers)
        try pool.start()
        let ends = try await withThrowingTaskGroup(of: Job?.self) { group in
            for number in 0..<300 {
                group.addTask {
                    let script = ScriptedProcessor.Script(parts: UInt8(1 + number % 3))
                    let job = try await backlog.submit(script.job)
                    return try await backlog.waitForEnd(job.id, timeout: .seconds(60))
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(ends.count == 300 && ends.allSatisfy { $0?.status == .succeeded && $0?.attempt == 1 })
        _ = await pool.drain(within: .seconds(10))
        let parts = processor.journal.parts.map { "\($0.id) \($0.part)" }
        #expect(Set(parts).count == parts.count, "a part was done twice")
        let metrics = backlog.metrics
        #expect(metrics.succeeded == 300 && metrics.dropped == 0 && metrics.queuedJobs == 0 && metrics.queuedBytes == 0)
        #expect(try await store.counts().succeeded == 300)
        store.close()
    }
}
