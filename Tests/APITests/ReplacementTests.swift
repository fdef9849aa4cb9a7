import Engine
import Formats
import Foundation
import HTTPTypes
import Jobs
import TestSupport
import Testing
import VadCLIP

@testable import API
@testable import HTTP
@testable import Scoring

@Suite("Models that are replaced while jobs come in", .timeLimit(.minutes(10)))
struct ReplacementTests {
    private static let width = 16
    private static let digests = ["aa", "bb", "cc"]

    private static func version(_ digest: String) throws -> ModelVersion {
        let configuration = ModelConfiguration(
            width: width, length: 8, layers: 1, window: 4, labels: ["normal", "fire"])
        return ModelVersion(
            try Model.synthetic(
                configuration, seed: UInt64(digest.utf8.first ?? 0), sha256: digest, kernels: .available[0]))
    }

    /// Hands a video in.
    private func post(_ service: VigilService) async throws -> JobID {
        let body = NPYWriter.encode(
            [Float](repeating: 0.5, count: 30 * Self.width), rows: 30, columns: Self.width)
        let fields: [(name: HTTPField.Name, value: String)] = [(.contentType, "application/x-npy")]
        let head = RequestHead(method: .post, path: "/score", query: QueryItems([]), fields: HeaderFields(fields))
        let answer = try await service.score(Request(head: head, body: RequestBody(body), client: .key("a")))
        guard case .bytes(let bytes) = answer.body else { throw CancellationError() }
        let document = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
        return try #require((document["id"] as? String).flatMap { JobID($0) })
    }

    @Test("none fails, and each is scored by the version that it was accepted for")
    func underLoad() async throws {
        let models = ModelRegistry(serving: try Self.version("aa"))
        let service = VigilService(
            ScoringService(models: models, backlog: Backlog(store: MemoryJobStore()), workers: 2), openAPI: [])
        try service.scoring.start()
        async let replacing: Void = {
            for round in 0..<30 {
                let version = await models.stage(try Self.version(Self.digests[round % 3]))
                try await service.scoring.backlog.serve(await models.served, missing: .wait)
                models.promote(version)
            }
        }()
        var ids: [JobID] = []
        for _ in 0..<200 { ids.append(try await post(service)) }
        try await replacing
        var logits: [String: Logits] = [:]
        for id in ids {
            let job = try #require(try await service.scoring.backlog.waitForEnd(id, timeout: .seconds(300)))
            #expect(job.status == .succeeded && job.attempt == 1)
            let output = try #require(try await service.scoring.backlog.output(id))
            let result = try #require(ScoreResult(encoded: output.body))
            #expect(result.modelSHA256 == job.modelSHA256)
            #expect(logits.updateValue(result.logits, forKey: result.modelSHA256) ?? result.logits == result.logits)
        }
        _ = await service.scoring.drain(within: .seconds(1))
    }

    @Test("an upload is for the version that its head was answered for, unless the upload names a model itself")
    func duringUpload() async throws {
        for (field, expected) in [("fps", "aa"), ("model", "bb")] {
            let models = ModelRegistry(serving: try Self.version("aa"))
            let service = VigilService(
                ScoringService(models: models, backlog: Backlog(store: MemoryJobStore()), workers: 1), openAPI: [])
            let wanted = AsyncStream.makeStream(of: Void.self)
            let mailbox = BodyMailbox(capacity: 1 << 20) { _ in wanted.continuation.yield() }
            let type = "multipart/form-data; boundary=\(SampleForm.boundary)"
            let head = RequestHead(
                method: .post, path: "/score", fields: HeaderFields([(name: .contentType, value: type)]))
            let request = Request(head: head, body: RequestBody(mailbox, declaredLength: nil), client: .key("a"))
            let answer = Task { try await service.score(request) }
            var asked = wanted.stream.makeAsyncIterator()
            await asked.next()
            let second = try Self.version("bb")
            models.promote(await models.stage(second))
            let value = field == "fps" ? "25" : second.name
            let matrix = NPYWriter.encode(
                [Float](repeating: 0.5, count: 30 * Self.width), rows: 30, columns: Self.width)
            let form = SampleForm.form([
                SampleForm.part(field, file: nil, Array(value.utf8)),
                SampleForm.part("features", file: "a.npy", matrix),
            ])
            _ = mailbox.put(form)
            mailbox.end(.success(()))
            let place = try #require(try await answer.value.fields[.location])
            let id = try #require(JobID(String(place.dropFirst("/jobs/".count))))
            #expect(try await service.scoring.backlog.job(id)?.modelSHA256 == expected)
        }
    }
}
