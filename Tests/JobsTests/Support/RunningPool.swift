import TestSupport
import Testing

@testable import Jobs

/// A started pool on a memory store, with a clock that stands still.
struct RunningPool: Sendable {
    let clock = ManualClock()
    let store: MemoryJobStore
    let backlog: Backlog
    let pool: WorkerPool<ScriptedProcessor>

    init(workers: Int, processor: ScriptedProcessor, maxJobs: Int = 10_000) throws {
        store = MemoryJobStore(clock: clock, random: SeededRandom(seed: 3))
        backlog = Backlog(store: store, limits: .init(maxJobs: maxJobs), clock: clock)
        pool = WorkerPool(backlog: backlog, processor: processor, workers: workers)
        try pool.start()
    }

    func submit(_ script: ScriptedProcessor.Script) async throws -> Job {
        try await backlog.submit(script.job)
    }

    /// Waits for the job's end; the clock stands still, so there is no time limit but the test's.
    func end(of job: Job) async throws -> Job {
        try #require(try await backlog.waitForEnd(job.id, timeout: .seconds(1)))
    }
}
