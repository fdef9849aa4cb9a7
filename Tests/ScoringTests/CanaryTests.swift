import Dispatch
import Engine
import Jobs
import Synchronization
import TestSupport
import Testing
import VadCLIP

@testable import Scoring

@Suite("A canary", .timeLimit(.minutes(10)))
struct CanaryTests {
    private static func version(
        _ digest: String, seed: UInt64, name: String = "m", width: Int = 16
    ) throws -> ModelVersion {
        let configuration = ModelConfiguration(
            width: width, length: 8, layers: 1, window: 4, labels: ["normal", "fire"])
        return ModelVersion(
            try Model.synthetic(configuration, seed: seed, sha256: digest, kernels: .available[0]), name: name)
    }

    /// A service whose jobs are compared, and what its canary told.
    private final class Service: Sendable {
        let registry: ModelRegistry
        let canary: Canary
        let scoring: ScoringService
        private let told = Mutex<[Canary.Outcome]>([])

        var outcomes: [Canary.Outcome] { told.withLock(\.self) }
        var reports: [Canary.Report] {
            outcomes.compactMap { if case .compared(let report) = $0 { report } else { nil } }
        }

        init(
            share: Double = 1, room: Int = Canary.mostBytes, loader: ModelLibrary.Loader? = nil,
            isAnother: @escaping @Sendable () -> Bool = { true }
        ) throws {
            let none: ModelLibrary.Loader = { path, _ throws(ModelLoadError) in
                throw ModelLoadError(reason: "no \(path ?? "")")
            }
            let library = ModelLibrary(
                serving: try CanaryTests.version("aa", seed: 1), from: "/m", load: loader ?? none)
            registry = library.registry
            let tell = Mutex<(@Sendable (Canary.Outcome) -> Void)?>(nil)
            canary = Canary(
                of: "m", from: "/c", share: share, room: room, among: registry, isAnother: isAnother
            ) { outcome in
                tell.withLock(\.self)?(outcome)
            }
            var settings = ScoringService.Settings()
            settings.canary = canary
            scoring = ScoringService(
                models: registry, library: library, backlog: Backlog(store: MemoryJobStore()), workers: 1,
                settings: settings)
            tell.withLock { $0 = { [weak self] outcome in self?.told.withLock { $0.append(outcome) } } }
            try scoring.start()
        }

        /// Has a job with features of this digest scored; its result.
        func score(
            _ digest: String = "00", snippets: Int = 20, by id: ModelID = ModelID(name: "m", sha256: "aa"),
            width: Int = 16, scale: Float = 0.8
        ) async throws -> ScoreResult {
            var random = SeededRandom(seed: 7)
            let subject = ScoreSubject(
                snippets: snippets, width: width, digest: FeatureDigest(digest), options: ScoreOptions().encoded)
            let job = try await scoring.backlog.submit(
                .score(random.floats(snippets * width, scale: scale), subject, by: id, parts: (snippets + 7) / 8))
            _ = try await scoring.backlog.waitForEnd(job.id, timeout: .seconds(30))
            let output = try #require(try await scoring.backlog.output(job.id))
            return try #require(ScoreResult(encoded: output.body))
        }

        func told(_ count: Int) async { while outcomes.count < count { await Task.yield() } }
        func end() async { _ = await scoring.drain(within: .seconds(5)) }
    }

    @Test(
        "of the same weights differs by nothing, and one of others by what their scores differ; results are the model's"
    )
    func differences() async throws {
        var results: [ScoreResult] = []
        for seed in [1, 2] as [UInt64] {
            let service = try Service()
            try service.canary.use(Self.version("bb", seed: seed))
            results.append(try await service.score())
            await service.told(1)
            let report = try #require(service.reports.first)
            #expect((report.largest == 0) == (seed == 1) && (report.changed == [0, 0, 0] || seed == 2))
            #expect(report.model == ModelID(name: "m", sha256: "aa") && report.canarySHA256 == "bb")
            let tally = service.canary.standing.tally
            #expect(tally.jobs == 1 && tally.snippets == 20 && tally.largest == report.largest)
            #expect(tally.changed == report.changed && abs(tally.mean - Double(report.mean)) < 1e-9)
            await service.end()
        }
        #expect(results[0].logits == results[1].logits && results[1].modelSHA256 == "aa")
    }

    @Test("takes the jobs of what new jobs get under its name, and of those its share, the same ones each time")
    func share() async throws {
        let service = try Service(share: 0.25)
        try service.canary.use(Self.version("bb", seed: 2))
        service.registry.promote(await service.registry.stage(try Self.version("cc", seed: 3, name: "other")))
        try await service.scoring.backlog.serve(await service.registry.served, missing: .wait)
        // Those that are none of its come first: what is told of a later one is told after what there is of them.
        _ = try await service.score(by: ModelID(name: "other", sha256: "cc"))
        for digest in (0..<16).reversed() { _ = try await service.score(String(digest, radix: 16) + "0000000") }
        await service.told(4)
        await service.end()
        #expect(service.reports.count == 4 && service.reports.allSatisfy { $0.model.name == "m" })
        for (digest, isTaken) in [("3fffffff", true), ("40000000", false)] {
            #expect(service.canary.takes(digest) == isTaken, "\(digest)")
        }
    }

    @Test("that can't score a job fails nothing: the job has its result, and the reason is told once")
    func failing() async throws {
        let service = try Service()
        let wide = try Self.version("dd", seed: 2, width: 32)
        #expect(throws: ModelLoadError.self) { try service.canary.use(wide) }
        // What is served may come to take others than the canary does.
        service.registry.promote(await service.registry.stage(wide))
        try service.canary.use(try Self.version("ee", seed: 3, width: 32))
        service.registry.promote(service.registry.versions("m")[1])
        for count in 1...2 {
            #expect(try await service.score().modelSHA256 == "aa")
            await service.told(count)
        }
        let found: [Bool?] = service.outcomes.map { if case .failed(_, _, let isNew) = $0 { isNew } else { nil } }
        #expect(found == [true, false])
        let standing = service.canary.standing
        #expect(standing.state == .failed && standing.reason?.contains("32 wide") == true && standing.tally.failed == 2)
        await service.end()
    }

    @Test("that takes other features than what is served waits for what takes the same")
    func misfit() async throws {
        let service = try Service()
        #expect(throws: ModelLoadError.self) { try service.canary.use(Self.version("bb", seed: 2, width: 32)) }
        #expect(service.canary.standing.state == .failed)
        #expect(service.canary.standing.reason?.contains("32 wide") == true)
        _ = try await service.score()
        service.registry.promote(await service.registry.stage(try Self.version("cc", seed: 3, width: 32)))
        try await service.scoring.backlog.serve(await service.registry.served, missing: .wait)
        #expect(service.canary.standing.state == .comparing && service.canary.standing.reason == nil)
        _ = try await service.score(by: ModelID(name: "m", sha256: "cc"), width: 32)
        await service.told(2)
        #expect(service.reports.map(\.canarySHA256) == ["bb"] && service.canary.standing.tally.jobs == 1)
        await service.end()
    }

    @Test("whose scores are not finite tells so once, whichever snippet it is of each job")
    func notFinite() async throws {
        let service = try Service()
        try service.canary.use(Self.version("bb", seed: 2))
        let result = try await service.score()
        for snippet in [0, 12] {
            var features = [Float](repeating: 0.5, count: 16 * 16)
            for column in 0..<16 { features[snippet * 16 + column] = .infinity }
            service.canary.take(try Self.plan(service.registry.default, features), result)
        }
        await service.told(3)
        let found: [(reason: String, isNew: Bool)] = service.outcomes.compactMap {
            if case .failed(_, let reason, let isNew) = $0 { (reason, isNew) } else { nil }
        }
        #expect(found.map(\.isNew) == [true, false] && Set(found.map(\.reason)).count == 2)
        let standing = service.canary.standing
        #expect(standing.state == .failed && standing.reason == found.last?.reason && standing.tally.failed == 2)
        await service.end()
    }

    private static func plan(_ version: ModelVersion, _ features: [Float]) throws -> ScoringWork.Plan {
        let snippets = features.count / 16
        return ScoringWork.Plan(
            version: version, job: try #require(JobID("00000000000000000000000000")),
            model: ModelID(name: "m", sha256: version.knownSHA256),
            source: .features(
                features, ScoreSubject(snippets: snippets, width: 16, digest: FeatureDigest("00"), options: [])),
            options: ScoreOptions(), classes: version.model.classes)
    }

    @Test(
        "counts the memory of features and of all scores",
        arguments: [(most: 1_760, isCompared: true), (most: 1_759, isCompared: false)])
    func bytes(room: (most: Int, isCompared: Bool)) async throws {
        // 20 snippets of 16 features, and for each a score of its own and of two classes, by both.
        let service = try Service(room: room.most)
        try service.canary.use(Self.version("bb", seed: 2))
        _ = try await service.score(snippets: 20)
        await service.told(1)
        #expect(service.reports.count == (room.isCompared ? 1 : 0))
        await service.end()
    }

    @Test("that is what is served is in memory once, and compares again when something else is served")
    func shared() async throws {
        let service = try Service { _, _ throws(ModelLoadError) in
            do { return try Self.version("bb", seed: 2).model } catch { throw ModelLoadError(reason: "\(error)") }
        }
        let own = try Self.use(service.canary)
        #expect(own() != nil)
        _ = try await service.scoring.load("m")
        #expect(own() == nil && service.canary.standing.state == .served)
        let again = try Self.use(service.canary)
        #expect(again() == nil && service.canary.standing.state == .served)
        _ = try await service.scoring.rollBack("m")
        #expect(service.canary.standing.state == .comparing)
        _ = try await service.score()
        await service.told(1)
        #expect(service.reports.map(\.canarySHA256) == ["bb"])
        await service.end()
    }

    @Test("passes over what it has no room for")
    func room() async throws {
        let service = try Service()
        try service.canary.use(Self.version("bb", seed: 2))
        service.canary.take(try Self.large(service.registry.default), try await service.score())
        await service.told(2)
        #expect(service.outcomes.contains { if case .passedOver = $0 { true } else { false } })
        #expect(service.canary.standing.tally.passedOver == 1)
        await service.end()
    }

    /// A job that the canary has no room for.
    private static func large(_ version: ModelVersion) throws -> ScoringWork.Plan {
        let snippets = Canary.mostBytes / (16 * MemoryLayout<Float>.stride) + 1
        return try plan(version, [Float](repeating: 0, count: snippets * 16))
    }

    @Test("counts anew with another version of the model whatever becomes of its first job, which stays counted")
    func firstJobs() async throws {
        let service = try Service()
        try service.canary.use(Self.version("bb", seed: 2))
        let former = try await service.score()
        await service.told(1)
        service.canary.take(try Self.large(service.registry.default), former)
        service.registry.promote(await service.registry.stage(try Self.version("cc", seed: 3)))
        try await service.scoring.backlog.serve(await service.registry.served, missing: .wait)
        #expect(service.canary.standing.tally == CanaryTally())
        var result = former
        result.modelSHA256 = "cc"
        service.canary.take(try Self.large(service.registry.default), result)
        #expect(service.canary.standing.tally.passedOver == 1)
        _ = try await service.score(by: ModelID(name: "m", sha256: "cc"))
        await service.told(4)
        let tally = service.canary.standing.tally
        #expect(tally.jobs == 1 && tally.passedOver == 1)
        await service.end()
    }

    @Test("begins to count anew with another version of either, and has nothing to do once it is served")
    func replaced() async throws {
        let service = try Service()
        let canary = try Self.version("bb", seed: 2)
        try service.canary.use(canary)
        _ = try await service.score()
        await service.told(1)
        try service.canary.use(Self.version("bb", seed: 2))
        #expect(service.canary.standing.tally.jobs == 1, "the same file was read again")
        service.registry.promote(await service.registry.stage(try Self.version("cc", seed: 3)))
        try await service.scoring.backlog.serve(await service.registry.served, missing: .wait)
        #expect(service.canary.standing.tally.jobs == 0)
        _ = try await service.score(by: ModelID(name: "m", sha256: "cc"))
        await service.told(2)
        #expect(service.canary.standing.tally.jobs == 1 && service.reports.last?.model.sha256 == "cc")
        service.registry.promote(await service.registry.stage(canary))
        try await service.scoring.backlog.serve(await service.registry.served, missing: .wait)
        #expect(service.canary.standing.state == .served)
        _ = try await service.score(by: ModelID(name: "m", sha256: "bb"))
        // What it has to do again is told after anything that there is of the job before.
        service.registry.promote(service.registry.versions("m")[1])
        _ = try await service.score(by: ModelID(name: "m", sha256: "cc"))
        await service.told(3)
        await service.end()
        #expect(service.reports.map(\.model.sha256) == ["aa", "cc", "cc"] && service.outcomes.count == 3)
    }

    @Test("that is read again is what was read last, also where the file is the same, and what was counted stays")
    func readAgain() async throws {
        let service = try Service()
        let former = try Self.use(service.canary)
        _ = try await service.score()
        await service.told(1)
        try service.canary.use(Self.version("bb", seed: 2))
        // The thread that told of the job may still have what did it.
        while former() != nil { await Task.yield() }
        #expect(service.canary.standing.tally.jobs == 1)
        _ = try await service.score()
        await service.told(2)
        #expect(service.canary.standing.tally.jobs == 2)
        await service.end()
    }

    /// Has a canary compare by a version that nobody else has.
    ///
    /// - Returns: its model, for as long as that is in memory
    private static func use(_ canary: Canary) throws -> () -> Model? {
        let version = try version("bb", seed: 2)
        try canary.use(version)
        return { [weak model = version.model] in model }
    }

    @Test("is not read before what is read has copies of its own")
    func isolated() async throws {
        let places = Mutex<[String?]>([])
        let service = try Service { _, copies throws(ModelLoadError) in
            places.withLock { $0.append(copies) }
            do { return try Self.version("bb", seed: 2).model } catch { throw ModelLoadError(reason: "\(error)") }
        }
        #expect(await service.scoring.rereadCanary() == .unchanged)
        #expect(service.canary.standing.state == .loading && places.withLock(\.count) == 0)
        let tending = Task { [service] in await service.scoring.lookAfterModels(copies: "/copies") }
        while service.canary.standing.state != .comparing { await Task.yield() }
        #expect(await service.scoring.rereadCanary() == .read)
        #expect(places.withLock(\.self) == ["/copies", "/copies"])
        tending.cancel()
        await tending.value
        await service.end()
    }

    @Test("is not read again where its file is the same, but where that could not be used")
    func unchanged() async throws {
        let isAnother = Mutex(true)
        let isTorn = Mutex(true)
        let reads = Mutex(0)
        let loader: ModelLibrary.Loader = { _, _ throws(ModelLoadError) in
            reads.withLock { $0 += 1 }
            guard !isTorn.withLock(\.self) else { throw ModelLoadError(reason: "it is torn") }
            do { return try Self.version("bb", seed: 2).model } catch { throw ModelLoadError(reason: "\(error)") }
        }
        let service = try Service(loader: loader, isAnother: { isAnother.withLock(\.self) })
        #expect(await service.scoring.readCanary() == .kept)
        isAnother.withLock { $0 = false }
        #expect(await service.scoring.readCanary() == .kept)
        isTorn.withLock { $0 = false }
        #expect(await service.scoring.readCanary() == .read)
        #expect(await service.scoring.readCanary() == .unchanged)
        #expect(reads.withLock(\.self) == 3)
        isAnother.withLock { $0 = true }
        #expect(await service.scoring.readCanary() == .read)
        #expect(reads.withLock(\.self) == 4)
        // What is served may be another by now, though the file is the same.
        isAnother.withLock { $0 = false }
        service.registry.promote(await service.registry.stage(try Self.version("cc", seed: 3, width: 32)))
        #expect(await service.scoring.readCanary() == .kept)
        #expect(reads.withLock(\.self) == 4)
        await service.end()
    }

    @Test("that is being read keeps nobody from changing what is served, nor the service from ending")
    func slowReading() async throws {
        let isLetGo = DispatchSemaphore(value: 0)
        let service = try Service { path, _ throws(ModelLoadError) in
            let isCanary = path == "/c"
            if isCanary { isLetGo.wait() }
            do { return try Self.version(isCanary ? "bb" : "cc", seed: 2).model } catch {
                throw ModelLoadError(reason: "\(error)")
            }
        }
        async let isRead = service.scoring.readCanary()
        while !service.canary.reading.isTaken { await Task.yield() }
        #expect(try await service.scoring.load("m").knownSHA256 == "cc")
        _ = await service.scoring.drain(within: .zero)
        #expect(await !service.scoring.settle())
        isLetGo.signal()
        #expect(await isRead == .read)
        #expect(await service.scoring.settle() && service.canary.standing.sha256 == "bb")
    }

    @Test("whose file can't be used costs nothing, says why, and is read again")
    func reading() async throws {
        let isTorn = Mutex(true)
        let service = try Service { path, _ throws(ModelLoadError) in
            guard !isTorn.withLock(\.self) else { throw ModelLoadError(reason: "\(path ?? "") is torn") }
            do { return try Self.version("bb", seed: 2).model } catch { throw ModelLoadError(reason: "\(error)") }
        }
        #expect(service.canary.standing.state == .loading)
        #expect(await service.scoring.readCanary() == .kept)
        #expect(service.canary.standing.reason == "/c is torn")
        _ = try await service.score()
        isTorn.withLock { $0 = false }
        #expect(await service.scoring.readCanary() == .read)
        #expect(service.canary.standing.state == .comparing && service.canary.standing.sha256 == "bb")
        _ = try await service.score()
        await service.told(1)
        isTorn.withLock { $0 = true }
        #expect(await service.scoring.readCanary() == .kept)
        _ = try await service.score()
        await service.told(2)
        #expect(service.canary.standing.state == .failed && service.canary.standing.tally.jobs == 2)
        service.registry.promote(await service.registry.stage(try Self.version("bb", seed: 2)))
        let standing = service.canary.standing
        #expect(standing.state == .served && standing.reason == "/c is torn", "it is what was read before")
        await service.end()
    }
}
