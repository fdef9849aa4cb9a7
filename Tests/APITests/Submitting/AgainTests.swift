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

@Suite("What a job was about, scored again without sending it", .timeLimit(.minutes(10)))
struct AgainTests {
    private static let width = 16
    private static let rows = 20
    private let service: VigilService

    init() async throws {
        service = try await SmallService.make([
            .init(name: "one", seed: 1), .init(name: "two", seed: 2), .init(name: "wide", seed: 3, width: 32),
        ])
    }

    private func request(
        _ method: HTTPRequest.Method, _ path: String, _ query: [(String, String)], body: [UInt8] = [],
        wait: Bool = false, id: String? = nil, key: String? = nil
    ) -> Request {
        var fields = [(name: HTTPField.Name.contentType, value: "application/x-npy")]
        if wait { fields.append((.prefer, "wait=20")) }
        if let key { fields.append((.idempotencyKey, key)) }
        let head = RequestHead(
            method: method, path: path, query: QueryItems(query.map { .init(name: $0.0, value: $0.1) }),
            fields: HeaderFields(fields))
        return Request(
            head: head, body: RequestBody(body), client: .key("a"),
            pathParameters: PathParameters(id.map { [("id", $0)] } ?? []))
    }

    /// A job that waits, since nobody has started the workers: its features are there.
    private func waiting(_ query: [(String, String)] = []) async throws -> String {
        var random = SeededRandom(seed: 7)
        let values = random.floats(Self.rows * Self.width, scale: 0.8)
        let matrix = NPYWriter.encode(values, rows: Self.rows, columns: Self.width)
        let answer = try await service.score(request(.post, "/score", query, body: matrix))
        return try #require(json(answer)["id"] as? String)
    }

    private func again(_ id: String, _ query: [(String, String)] = [], wait: Bool = false, key: String? = nil)
        async throws -> Response
    {
        try await service.scoreAgain(request(.post, "/jobs/\(id)/again", query, wait: wait, id: id, key: key))
    }

    private func show(_ id: String, _ query: [(String, String)] = []) async throws -> Response {
        try await service.showJob(request(.get, "/jobs/\(id)", query + [("wait", "20")], id: id))
    }

    private func json(_ response: Response) -> [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(response.bytes))) as? [String: Any] ?? [:]
    }

    private func result(_ response: Response) throws -> [String: Any] {
        try #require(json(response)["result"] as? [String: Any], "\(json(response))")
    }

    private func problem(_ body: () async throws -> Response) async -> HTTPProblem? {
        do {
            _ = try await body()
            return nil
        } catch { return Problem.of(error) }
    }

    private func coarse(_ result: [String: Any]) -> [Float] {
        (result["coarse"] as? [NSNumber] ?? []).map(\.floatValue)
    }

    @Test("a new job has the same scores, and what is not asked otherwise is as it was")
    func same() async throws {
        let first = try await waiting([("name", "gate"), ("fps", "25"), ("threshold", "0.4"), ("merge_gap", "2")])
        let answer = try await again(first, [("threshold", "0.1"), ("logits", "true")])
        #expect(answer.status == .accepted)
        let second = try #require(json(answer)["id"] as? String)
        #expect(second != first && answer.fields[.location] == "/jobs/\(second)")
        #expect(json(answer)["name"] as? String == "gate")
        try service.scoring.start()
        let (one, two) = (try result(await show(first)), try result(await show(second)))
        #expect(coarse(one) == coarse(two) && coarse(one).count == Self.rows)
        #expect(two["fps"] as? Double == 25 && two["logits"] != nil && one["logits"] == nil)
        let identifier = try #require(JobID(second))
        let job = try #require(try await service.scoring.backlog.job(identifier))
        let options = try #require(JobFacts(of: job)?.options)
        let read = try #require(ScoreOptions(encoded: options))
        #expect(read.segments.threshold == 0.1 && read.segments.leave == 0.1 && read.segments.mergeGap == 2)
    }

    @Test("another model scores it, and the warnings are those of now")
    func otherModel() async throws {
        let first = try await waiting([("camera", "front")])
        let answer = try await again(first, [("model", "two"), ("name", "other")])
        #expect(json(answer)["model"] as? String == "two" && json(answer)["name"] as? String == "other")
        func warnings(_ of: [String: Any]) -> [String] { of["warnings"] as? [String] ?? [] }
        #expect(warnings(json(answer)).contains { $0.contains("camera") } == false)
        let before = try await service.showJob(request(.get, "/jobs/\(first)", [], id: first))
        #expect(warnings(json(before)).contains { $0.contains("camera") })
        #expect(warnings(json(answer)) == warnings(json(before)).filter { !$0.contains("camera") })
    }

    @Test("a key makes one job, however often it comes")
    func idempotent() async throws {
        let first = try await waiting()
        let ids = try await [again(first, key: "k"), again(first, key: "k")].map { json($0)["id"] as? String }
        #expect(ids[0] == ids[1] && ids[0] != first)
        let problem = await problem { try await again(first, [("threshold", "0.9")], key: "k") }
        #expect(problem?.slug == "idempotency-key-reused")
    }

    @Test("what is no longer there is 410 with what can be done; what can't be asked is refused by name")
    func refused() async throws {
        let first = try await waiting()
        for (query, slug, said) in [
            ([("model", "none")], "unknown-model", "no model is called 'none'"),
            ([("model", "wide")], "unfit-features", "expected 32"),
            ([("model", "one,two")], "invalid-parameter", "model: 2 given"),
            ([("leave", "0.7")], "invalid-parameter", "leave: 0.7 is above the threshold 0.5"),
            ([("labels", "normal,smoke")], "unfit-labels", "text tower"),
            ([("thumbnails", "3")], "invalid-parameter", "thumbnails: no such parameter"),
        ] as [([(String, String)], String, String)] {
            let problem = await problem { try await again(first, query) }
            #expect(problem?.slug == slug && problem?.detail.contains(said) == true, "\(String(describing: problem))")
        }
        #expect(await problem { try await again("01M85BV3QAE4RGA8GVVP3465ME") }?.slug == "unknown-job")
        try service.scoring.start()
        _ = try await show(first)
        let gone = await problem { try await again(first, [("threshold", "0.3")]) }
        #expect(gone?.status == .gone && gone?.slug == "features-gone")
        #expect(gone?.detail.contains("--upload-ttl") == true)
        #expect(gone?.detail.contains("GET /jobs/\(first)?threshold=") == true)
    }

    @Test("segments of a result are cut anew by its scores, under a tag of their own; the job stays as it was")
    func cut() async throws {
        try service.scoring.start()
        let first = try await waiting([("threshold", "0.9"), ("leave", "0.2"), ("fps", "25")])
        let whole = try await show(first)
        let scores = coarse(try result(whole))
        let middle = scores.sorted()[Self.rows / 2]
        let answer = try await show(first, [("threshold", "\(middle)"), ("leave", "\(middle)"), ("fps", "50")])
        let cut = try result(answer)
        #expect(coarse(cut) == scores && answer.fields[.eTag] != whole.fields[.eTag])
        let segments = (cut["segments"] as? [[String: Any]] ?? []).map {
            ($0["start"] as? Int ?? -1, $0["end"] as? Int ?? -1)
        }
        let inside = segments.flatMap { Array($0.0..<$0.1) }
        #expect(inside == scores.indices.filter { scores[$0] >= middle } && !inside.isEmpty)
        let seconds = (cut["segments"] as? [[String: Any]])?.first?["start_seconds"] as? Double
        #expect(seconds == Double(segments[0].0 * 16) / 50 && cut["fps"] as? Double == 50)
        #expect(try await show(first).bytes == whole.bytes)
        let own = try await show(first, [("threshold", "0.9"), ("leave", "0.2"), ("fps", "25")])
        #expect(own.bytes == whole.bytes)
        let problem = await problem { try await show(first, [("leave", "0.95")]) }
        #expect(problem?.slug == "invalid-parameter" && problem?.detail.contains("above the threshold 0.9") == true)
    }
}
