import Platform
import Synchronization
import TestSupport
import Testing

@testable import Jobs

@Suite("The backlog while models come and go", .timeLimit(.minutes(10)))
struct ModelChangeTests {
    private let clock = ManualClock()
    private let store: MemoryJobStore
    private let backlog: Backlog

    init() {
        store = MemoryJobStore(clock: clock, random: SeededRandom(seed: 1))
        backlog = Backlog(store: store, limits: .init(maxJobs: 3), clock: clock)
    }

    private func serve(_ digest: String, missing: MissingModel = .wait) async throws {
        try await backlog.serve(ServedModels([digest: "tiny"]), missing: missing)
    }

    @Test("jobs that wait for a model take no room from those that can be scored, and get it back with their model")
    func room() async throws {
        try await serve("aa")
        for _ in 0..<3 { _ = try await backlog.submit(.sample(of: "aa")) }
        try await serve("bb")
        #expect(backlog.metrics.queuedJobs == 0 && backlog.metrics.waitingJobs == 3)
        #expect(backlog.admission() == .open)
        let own = try await backlog.submit(.sample(of: "bb"))
        #expect(own.queuePosition == 1)
        // Accepted for what was served a moment ago.
        let late = try await backlog.submit(.sample(of: "aa"))
        #expect(late.isModelMissing && late.estimatedSeconds == nil)
        #expect(backlog.metrics.queuedJobs == 1 && backlog.metrics.waitingJobs == 4)
        _ = try await backlog.cancel(late.id)
        #expect(backlog.metrics.waitingJobs == 3)
        try await serve("aa")
        #expect(backlog.metrics.queuedJobs == 3 && backlog.metrics.waitingJobs == 1)
        #expect(backlog.metrics.queuedBytes == 3 * NewJob.sample().input.count)
        await #expect(throws: SubmitError.self) { try await backlog.submit(.sample(of: "aa")) }
        let claimed = try await backlog.claim(limit: 9)
        #expect(claimed.count == 3 && backlog.metrics.queuedJobs == 0)
        try await serve("bb")
        for job in claimed { try await backlog.release(job.token, as: .unspent) }
        #expect(backlog.metrics.queuedJobs == 1 && backlog.metrics.waitingJobs == 3)
    }

    @Test("those that fail for want of their model are told to who follows them, and counted")
    func failing() async throws {
        let job = try await backlog.submit(.sample(of: "aa"))
        async let ended = backlog.waitForEnd(job.id, timeout: .seconds(1))
        await backlog.waitForSleepingWatchers(1)
        try await serve("bb", missing: .fail)
        try await Expiry(of: backlog).runOnce()
        #expect(try await ended?.failure?.reason == "other-model")
        let metrics = backlog.metrics
        #expect(metrics.failed == 1 && metrics.queuedJobs == 0 && metrics.waitingJobs == 0 && metrics.queuedBytes == 0)
    }

    @Test("whoever follows a job hears that its model has gone, and that it has come back")
    func watching() async throws {
        let job = try await backlog.submit(.sample(of: "aa"))
        let watch = backlog.watch(job.id)
        for (digest, isMissing) in [("bb", true), ("aa", false)] {
            try await serve(digest)
            #expect(await watch.next(until: clock.now + .seconds(1)) == .changed)
            #expect(try await backlog.job(job.id)?.isModelMissing == isMissing)
        }
    }

    @Test("workers begin with nothing before it is known which model they serve, and then with its jobs alone")
    func gate() async throws {
        let processor = ScriptedProcessor()
        let pool = WorkerPool(backlog: backlog, processor: processor, workers: 2)
        var script = ScriptedProcessor.Script().job
        script.modelSHA256 = "bb"
        let other = try await backlog.submit(script)
        script.modelSHA256 = "aa"
        let own = try await backlog.submit(script)
        let known = Latch<Void?>()
        try pool.start(serving: {
            _ = await known.value(until: MonotonicTime(nanoseconds: .max), by: ManualClock())
            return ServedModels(["aa": "tiny"])
        })
        for _ in 0..<100 { await Task.yield() }
        #expect(try await store.counts().queued == 2)
        known.close(with: ())
        #expect(try await backlog.waitForEnd(own.id, timeout: .seconds(1))?.status == .succeeded)
        #expect(try await backlog.job(other.id)?.isModelMissing == true)
        await pool.drain(within: .seconds(1))
        #expect(processor.journal.parts.map(\.id) == [own.id])
        #expect(backlog.metrics.queuedJobs == 0 && backlog.metrics.waitingJobs == 1)
    }
}
