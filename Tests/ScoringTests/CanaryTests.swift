import Engine
import Jobs
import Synchronization
import TestSupport
import Testing
import VadCLIP

@testable import Scoring

@Suite("A canary", .timeLimit(.minutes(1)))
struct CanaryTests {
    private static let configuration = ModelConfiguration(
        width: 16, length: 8, layers: 1, window: 4, labels: ["normal", "fire"])

    private static func version(_ digest: String, seed: UInt64, name: String = "m") throws -> ModelVersion {
        ModelVersion(
            try Model.synthetic(configuration, seed: seed, sha256: digest, kernels: .available[0]), name: name)
    }

    /// Has jobs with these features' digests scored by a service with a canary; what that told, and the results.
    private func run(
        _ canary: ModelVersion, share: Double = 1, digests: [String]
    ) async throws -> (reports: [Canary.Report], results: [ScoreResult]) {
        let told = Mutex<[Canary.Report]>([])
        var settings = ScoringService.Settings()
        settings.canary = Canary(of: "m", by: canary, share: share) { outcome in
            if case .compared(let report) = outcome { told.withLock { $0.append(report) } }
        }
        let registry = ModelRegistry(serving: try Self.version("aa", seed: 1))
        await registry.add(try Self.version("cc", seed: 3, name: "other"))
        let service = ScoringService(
            models: registry, backlog: Backlog(store: MemoryJobStore()), workers: 1, settings: settings)
        try service.start()
        var random = SeededRandom(seed: 7)
        var results: [ScoreResult] = []
        var expected = 0
        for digest in digests {
            let subject = ScoreSubject(
                snippets: 20, width: 16, digest: FeatureDigest(digest), options: ScoreOptions().encoded)
            let isOther = digest.hasPrefix("other")
            if !isOther, settings.canary?.takes(digest) == true { expected += 1 }
            let id = ModelID(name: isOther ? "other" : "m", sha256: isOther ? "cc" : "aa")
            let job = try await service.backlog.submit(
                .score(random.floats(20 * 16, scale: 0.8), subject, by: id, parts: 3))
            _ = try await service.backlog.waitForEnd(job.id, timeout: .seconds(30))
            let output = try #require(try await service.backlog.output(job.id))
            results.append(try #require(ScoreResult(encoded: output.body)))
            while told.withLock(\.count) < expected { await Task.yield() }
        }
        _ = await service.drain(within: .seconds(5))
        return (told.withLock(\.self), results)
    }

    @Test("of the same weights differs by nothing, and one of others by what their scores differ")
    func differences() async throws {
        let same = try await run(Self.version("bb", seed: 1), digests: ["00"])
        #expect(same.reports.map(\.largest) == [0] && same.reports[0].changed == [0, 0, 0])
        #expect(same.reports[0].model == ModelID(name: "m", sha256: "aa") && same.reports[0].canarySHA256 == "bb")
        let other = try await run(Self.version("bb", seed: 2), digests: ["00"])
        #expect(other.reports[0].largest.magnitude > 0 && other.reports[0].snippets == 20)
        #expect(other.results[0].logits == same.results[0].logits && other.results[0].modelSHA256 == "aa")
    }

    @Test("takes the jobs of its model, and of those its share, the same ones each time")
    func share() async throws {
        let digests = (0..<16).map { String($0, radix: 16) + "0000000" }
        let found = try await run(Self.version("bb", seed: 2), share: 0.25, digests: digests + ["other"])
        #expect(found.reports.count == 4 && found.results.count == 17)
    }
}
