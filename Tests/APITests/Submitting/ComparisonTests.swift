import Engine
import Formats
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

@Suite("Two models' scores of an upload, compared", .timeLimit(.minutes(10)))
struct ComparisonTests {
    private static let width = 16
    private let service: VigilService

    init() async throws {
        service = try await SmallService.make([
            .init(name: "one", seed: 1), .init(name: "two", seed: 2), .init(name: "wide", seed: 3, width: 32),
            .init(name: "copy", seed: 1),
        ])
        try service.scoring.start()
    }

    private func post(_ query: [(String, String)], wait: Bool = true, files: Int = 1) async throws -> Response {
        var random = SeededRandom(seed: 7)
        let matrix = NPYWriter.encode(random.floats(20 * Self.width, scale: 0.8), rows: 20, columns: Self.width)
        let form = SampleForm.form((0..<files).map { SampleForm.part("features", file: "\($0).npy", matrix) })
        var fields = [(name: HTTPField.Name.contentType, value: "application/x-npy")]
        if files > 1 { fields[0].value = "multipart/form-data; boundary=\(SampleForm.boundary)" }
        if wait { fields.append((.prefer, "wait=20")) }
        let head = RequestHead(
            method: .post, path: "/score", query: QueryItems(query.map { .init(name: $0.0, value: $0.1) }),
            fields: HeaderFields(fields))
        return try await service.score(
            Request(head: head, body: RequestBody(files > 1 ? form : matrix), client: .key("a")))
    }

    private func show(_ batch: String) async throws -> Response {
        let head = RequestHead(method: .get, path: "/batches/\(batch)/comparison")
        return try await service.showComparison(
            Request(head: head, client: .key("a"), pathParameters: PathParameters([("id", batch)])))
    }

    private func problem(_ body: () async throws -> Response) async -> HTTPProblem? {
        do {
            _ = try await body()
            return nil
        } catch { return Problem.of(error) }
    }

    private func json(_ response: Response) -> [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(response.bytes))) as? [String: Any] ?? [:]
    }

    @Test("a waited answer is both results and how they differ, as the batch tells it later too")
    func waited() async throws {
        let answer = try await post([("model", "two"), ("compare", "one@1a1a")])
        let document = json(answer)
        #expect(answer.status == .ok)
        let results = try #require(document["results"] as? [[String: Any]])
        #expect(results.map { $0["model"] as? String } == ["two", "one"])
        let curves = results.map { ($0["coarse"] as? [NSNumber] ?? []).map(\.floatValue) }
        let comparison = try #require(document["comparison"] as? [String: Any])
        let coarse = try #require(comparison["coarse"] as? [String: Any])
        let differences = (coarse["differences"] as? [NSNumber] ?? []).map(\.floatValue)
        #expect(differences == zip(curves[1], curves[0]).map { $0 - $1 } && differences.contains { $0 != 0 })
        let batch = try #require(document["batch"] as? String)
        #expect(answer.fields[.location] == "/batches/\(batch)")
        #expect(try await show(batch).bytes == answer.bytes)
    }

    @Test("the default is what another is compared with, and who does not wait gets the batch of both jobs")
    func unwaited() async throws {
        let answer = try await post([("compare", "two")], wait: false)
        let document = json(answer)
        #expect(answer.status == .accepted)
        #expect((document["jobs"] as? [[String: Any]])?.map { $0["model"] as? String } == ["one", "two"])
        let id = try #require(BatchID(document["id"] as? String ?? ""))
        _ = try await service.scoring.backlog.waitForEnd(id, timeout: .seconds(300))
        #expect(try await show(id.description).status == .ok)
    }

    @Test("what can't be compared is refused by name")
    func refused() async throws {
        for (query, files, slug, said) in [
            ([("compare", "none")], 1, "unknown-model", "no model is called 'none'"),
            ([("compare", "one")], 1, "invalid-parameter", "compare: 'one' is there twice"),
            ([("compare", "copy")], 1, "invalid-parameter", "'copy' is the same file as 'one'"),
            ([("compare", "wide")], 1, "invalid-parameter", "expected models that take the same"),
            ([("model", "one,two"), ("compare", "two")], 1, "invalid-parameter", "compare: given beside 2 models"),
            ([("compare", "two")], 2, "invalid-parameter", "compare: given for several matrices"),
        ] as [([(String, String)], Int, String, String)] {
            let problem = await problem { try await post(query, files: files) }
            #expect(problem?.slug == slug && problem?.detail.contains(said) == true, "\(String(describing: problem))")
        }
        let batch = try await post([("model", "one"), ("compare", "two")], wait: false)
        let id = try #require(json(batch)["id"] as? String)
        let other = try await post([], files: 2)
        let unequal = try #require(json(other)["id"] as? String)
        let problem = await problem { try await show(unequal) }
        #expect(problem?.slug == "not-comparable" && problem?.status == .conflict)
        #expect(await self.problem { try await show("01M85BV3QAE4RGA8GVVP3465ME") }?.slug == "unknown-batch")
        _ = try await service.scoring.backlog.waitForEnd(try #require(BatchID(id)), timeout: .seconds(300))
    }
}
