import Dispatch
import Engine
import Jobs
import Synchronization
import TestSupport
import Testing
import VadCLIP

/// Work that says which version did it, and holds its worker until it is let go.
private struct GatedWork: ModelWork {
    final class Plan: ModelPlan {
        let version: ModelVersion
        let parts: Int

        init(version: ModelVersion, parts: Int) {
            self.version = version
            self.parts = parts
        }
    }

    struct Notes {
        /// By version, each scorer that was given.
        var scorers: [ObjectIdentifier: [ObjectIdentifier: ScorerTrace]] = [:]
        /// By version, the scratch memory that they had.
        var scratch: [ObjectIdentifier: Set<ObjectIdentifier>] = [:]
        var inUse: Set<ObjectIdentifier> = []
        var clashes = 0
    }

    final class Journal: Sendable {
        let notes = Mutex(Notes())
        let gate = DispatchSemaphore(value: 0)
    }

    let journal = Journal()
    let arrivals = AsyncStream<Void>.makeStream()

    func open(for parts: Int) { for _ in 0..<parts { journal.gate.signal() } }

    func plan(_ job: ClaimedJob, for version: ModelVersion) throws(JobFailure) -> Plan {
        Plan(version: version, parts: job.parts)
    }

    func partCount(_ plan: Plan) -> Int { plan.parts }

    func process(part: Int, of plan: Plan, scorer: ChunkScorer) throws(JobFailure) -> Int {
        let (id, version, trace) = (
            ObjectIdentifier(scorer.scratch), ObjectIdentifier(plan.version), ScorerTrace(scorer)
        )
        journal.notes.withLock { notes in
            if !notes.inUse.insert(id).inserted { notes.clashes += 1 }
            notes.scorers[version, default: [:]][ObjectIdentifier(scorer)] = trace
            notes.scratch[version, default: []].insert(id)
        }
        arrivals.continuation.yield()
        journal.gate.wait()
        journal.notes.withLock { notes in _ = notes.inUse.remove(id) }
        return part
    }

    func finish(_ plan: Plan, results: [Int], timings: JobTimings) throws(JobFailure) -> JobOutput {
        JobOutput(body: Array((plan.version.knownSHA256 ?? "").utf8))
    }
}

/// A pool whose jobs are done by an engine.
private struct RunningEngine {
    let clock = ManualClock()
    let models: ModelRegistry
    let backlog: Backlog
    let store: MemoryJobStore
    let work = GatedWork()
    let pool: WorkerPool<ModelEngine<GatedWork>>

    init(_ models: ModelRegistry, workers: Int) throws {
        self.models = models
        store = MemoryJobStore(clock: clock)
        backlog = Backlog(store: store, clock: clock)
        pool = WorkerPool(backlog: backlog, processor: ModelEngine(models, for: work), workers: workers)
        try pool.start(serving: { await models.served })
    }

    func submit(_ digest: String, name: String = "tiny", parts: Int = 1) async throws -> JobID {
        try await backlog.submit(
            NewJob(
                kind: "sample", subject: JobSubject([]), input: JobBody([1 as UInt8]), model: name, modelSHA256: digest,
                parts: parts)
        ).id
    }

    /// Which version a job was done by.
    func end(of id: JobID) async throws -> String {
        let job = try #require(try await backlog.waitForEnd(id, timeout: .seconds(1)))
        #expect(job.status == .succeeded && job.attempt == 1)
        return String(decoding: try #require(try await backlog.output(id)).body, as: UTF8.self)
    }

    func tellStore() async throws { try await backlog.serve(await models.served, missing: .wait) }

    func arrival() async { for await _ in work.arrivals.stream { return } }

    func serve(_ digests: [String]) async throws {
        for digest in digests { await models.serve(try TestModel.version(digest)) }
        try await tellStore()
    }

    /// Versions that have been given scratch memory, and scratch memory, that is still there.
    func left() -> Int {
        work.journal.notes.withLock { notes in
            notes.scorers.values.reduce(0) { $0 + $1.values.count { !$0.isGone } }
        }
    }

    /// Scratch memory that is still there.
    func scratchLeft() -> Int {
        work.journal.notes.withLock { notes in
            Set(notes.scorers.values.flatMap { $0.values.compactMap(\.scratch) }).count
        }
    }
}

@Suite("An engine has jobs done by their own models", .timeLimit(.minutes(10)))
struct ModelEngineTests {
    @Test("a running job ends with a version that was replaced, whose memory then goes though the workers sleep")
    func replaced() async throws {
        let models = ModelRegistry(serving: try TestModel.version("aa"))
        let (old, weights) = (Weak(models.default), Weak(models.default.model))
        let running = try RunningEngine(models, workers: 1)
        let first = try await running.submit("aa", parts: 2)
        await running.arrival()
        // The one before stays at hand; what was before that goes once nobody has it.
        try await running.serve(["bb", "cc"])
        models.drop(Set(models.unheld))
        #expect(old.object != nil && models.default.knownSHA256 == "cc")
        let second = try await running.submit("cc")
        running.work.open(for: 3)
        #expect(try await running.end(of: first) == "aa")
        #expect(try await running.end(of: second) == "cc")
        await waitUntil {
            models.drop(Set(models.unheld))
            return old.object == nil && weights.object == nil
        }
        await waitUntil { running.left() == 1 }
        await running.pool.drain(within: .seconds(1))
    }

    @Test("a job that was claimed and not begun when its version went waits for it, and loses nothing")
    func retiredInHand() async throws {
        let models = ModelRegistry(serving: try TestModel.version("aa"))
        let other = try TestModel.version("cc", name: "other")
        await models.serve(other)
        let running = try RunningEngine(models, workers: 1)
        let first = try await running.submit("aa")
        await running.arrival()
        let second = try await running.submit("cc", name: "other")
        try await waitUntil { try await running.store.counts().running == 2 }
        try models.withdraw("other")
        models.drop([ModelID(name: "other", sha256: "cc")])
        try await running.tellStore()
        running.work.open(for: 1)
        #expect(try await running.end(of: first) == "aa")
        try await waitUntil { try await running.backlog.waitingJobs().map(\.jobs) == [1] }
        let waiting = try #require(try await running.backlog.job(second))
        #expect(waiting.status == .queued && waiting.isModelMissing && waiting.attempt == 0)
        await models.serve(other)
        try await running.tellStore()
        running.work.open(for: 1)
        #expect(try await running.end(of: second) == "cc")
        await running.pool.drain(within: .seconds(1))
    }

    @Test("each worker has scratch memory of its own, which all versions of one shape have in common")
    func scratch() async throws {
        let models = ModelRegistry(serving: try TestModel.version("aa"))
        await models.serve(try TestModel.version("bb"))
        let running = try RunningEngine(models, workers: 3)
        running.work.open(for: 600)
        var jobs: [(id: JobID, digest: String)] = []
        for number in 0..<100 {
            let digest = number % 3 == 0 ? "aa" : "bb"
            jobs.append((try await running.submit(digest, parts: 6), digest))
        }
        for job in jobs { #expect(try await running.end(of: job.id) == job.digest) }
        await running.pool.drain(within: .seconds(1))
        running.work.journal.notes.withLock { notes in
            #expect(notes.clashes == 0 && notes.scorers.count == 2)
            #expect(notes.scorers.values.allSatisfy { $0.count <= 3 })
            #expect(notes.scratch.values.reduce(into: Set()) { $0.formUnion($1) }.count <= 3)
        }
    }

    @Test("scratch memory goes with the last version of its shape, and another shape has its own")
    func shapes() async throws {
        let models = ModelRegistry(serving: try TestModel.version("aa"))
        for (digest, name) in [("bb", "long"), ("cc", "longer")] {
            await models.serve(try TestModel.version(digest, name: name, length: 2 * TestModel.length))
        }
        let running = try RunningEngine(models, workers: 1)
        running.work.open(for: 3)
        for (digest, name) in [("aa", "tiny"), ("bb", "long"), ("cc", "longer")] {
            #expect(try await running.end(of: running.submit(digest, name: name)) == digest)
        }
        #expect(running.left() == 3 && running.scratchLeft() == 2)
        for (name, left) in [("long", 2), ("longer", 1)] {
            try models.withdraw(name)
            await waitUntil {
                models.drop(Set(models.unheld))
                return running.left() == left
            }
            // The other one of its shape keeps it.
            #expect(running.scratchLeft() == left)
        }
        await running.pool.drain(within: .seconds(1))
    }

    @Test("a worker without another has no memory for a second thread")
    func alone() throws {
        let models = ModelRegistry(serving: try TestModel.version("aa"))
        for areSeveral in [false, true] {
            let engine = ModelEngine(models, for: GatedWork(), areSeveral: areSeveral)
            #expect((engine.place(of: engine.makeScratch()) != nil) == areSeveral)
        }
    }
}
