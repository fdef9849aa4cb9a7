import Engine
import Foundation
import HTTP
import HTTPTypes
import Jobs
import Platform
import TestSupport
import Testing
import VadCLIP

@testable import API
@testable import Scoring

@Suite("What the server tells of itself")
struct ServerDescriptionTests {
    private func answer(detailed: Bool, at elapsed: Duration = .zero) async throws -> [String: Any] {
        let clock = ManualClock()
        let file = try MappedFile(path: Paths.root + "/Sources/CResources/demo.safetensors")
        let (model, _) = try ModelFile.load(file, kernels: try .choose(nil))
        let backlog = Backlog(
            store: MemoryJobStore(clock: clock), limits: Backlog.Limits(maxJobs: 7, maxBytes: 5 << 20), clock: clock)
        var server = ServerDescription()
        server.rateLimit = 9
        let service = VigilService(
            ScoringService(models: ModelRegistry(serving: model), backlog: backlog, workers: 3), openAPI: [],
            server: server)
        clock.advance(by: elapsed)
        let body = Data(await service.describeServer(detailed: detailed, to: .key("a")).bytes)
        return try #require(try JSONSerialization.jsonObject(with: body) as? [String: Any])
    }

    @Test("its time, by the clock that does not jump, its workers and its limits")
    func numbers() async throws {
        let told = try await answer(detailed: true, at: .milliseconds(12_345))
        #expect(told["uptime_seconds"] as? Double == 12.345)
        #expect(told["started_at"] as? String == "2026-01-01T00:00:00.000Z")
        #expect(told["version"] as? String == Vigil.version)
        #expect((told["processors"] as? [String: Any])?["workers"] as? Int == 3)
        let limits = try #require(told["limits"] as? [String: Any])
        #expect(limits["queued_jobs"] as? Int == 7)
        #expect(limits["queued_bytes"] as? Int == 5 << 20)
        #expect(limits["requests_per_second"] as? Int == 9)
        #expect((limits["connections"] as? Int ?? 0) > 0)
    }

    @Test("paths of the machine are for those who may see the details")
    func details() async throws {
        for detailed in [true, false] {
            let told = try await answer(detailed: detailed)
            #expect(((told["store"] as? [String: Any])?["place"] != nil) == detailed)
            #expect(((told["memory"] as? [String: Any])?["limited_by"] != nil) == detailed)
        }
    }
}
