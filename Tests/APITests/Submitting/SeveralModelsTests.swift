import Engine
import Formats
import Foundation
import HTTP
import HTTPTypes
import Jobs
import TestSupport
import Testing
import VadCLIP

@testable import API
@testable import Scoring

/// `POST /score` with several models, and what changes them, by the handlers.
@Suite("Several models over HTTP", .timeLimit(.minutes(10)))
struct SeveralModelsTests {
    private static let width = 16
    private let library: ModelLibrary
    private let service: VigilService

    private static func version(_ digest: String, name: String, width: Int = width) throws -> ModelVersion {
        let configuration = ModelConfiguration(
            width: width, length: 8, layers: 1, window: 4, labels: ["normal", "fire"])
        return ModelVersion(
            try Model.synthetic(
                configuration, seed: UInt64(digest.utf8.first ?? 0), sha256: digest, kernels: .available[0]),
            name: name)
    }

    init() throws {
        library = ModelLibrary(serving: try Self.version("aa", name: "one"), from: "/m/one") {
            path, _ throws(ModelLoadError) in
            do { return try Self.version(path == "/m/one" ? "a2" : "b2", name: "x").model } catch {
                throw ModelLoadError(reason: "\(error)")
            }
        }
        library.serve(try Self.version("bb", name: "two"), from: "/m/two")
        library.serve(try Self.version("cc", name: "wide", width: 32), from: "/m/wide")
        library.note(failed: "torn", from: "/m/torn", "/m/torn is torn")
        service = VigilService(
            ScoringService(
                models: library.registry, library: library, backlog: Backlog(store: MemoryJobStore()), workers: 1),
            openAPI: [])
    }

    private func post(_ models: [String], width: Int = Self.width, _ more: [QueryItems.Item] = []) async throws
        -> Response
    {
        let body = NPYWriter.encode([Float](repeating: 0.5, count: 30 * width), rows: 30, columns: width)
        let fields: [(name: HTTPField.Name, value: String)] = [(.contentType, "application/x-npy")]
        let query = QueryItems(models.map { .init(name: "model", value: $0) } + more)
        let head = RequestHead(method: .post, path: "/score", query: query, fields: HeaderFields(fields))
        return try await service.score(Request(head: head, body: RequestBody(body), client: .key("a")))
    }

    private func document(_ answer: Response) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(answer.bytes)) as? [String: Any])
    }

    private func jobs(_ answer: Response) throws -> [String] {
        let jobs = try #require(try document(answer)["jobs"] as? [[String: Any]])
        return jobs.map { "\($0["model"] ?? "")@\($0["model_sha256"] ?? "")" }
    }

    private func problem(_ body: () async throws -> Response) async -> HTTPProblem? {
        do {
            _ = try await body()
            return nil
        } catch { return Problem.of(error) }
    }

    @Test("a job is of the model that is asked for, by name or version, and else of the default")
    func choice() async throws {
        for (asked, model) in [([], "one"), (["two"], "two"), (["two@b"], "two"), ([""], "one")] {
            #expect(try document(try await post(asked))["model"] as? String == model, "\(asked)")
        }
        for text in ["three", "one@ff", "torn", "../x", "é", String(repeating: "a", count: 300)] {
            let found = await problem { try await post([text]) }
            #expect(found?.status == .notFound && found?.slug == "unknown-model", "\(text)")
        }
        #expect(await problem { try await post(["x"]) }?.detail.contains("'one', or 'two'") == true)
    }

    @Test("several are a batch with a job each, whose subject and features are the same")
    func several() async throws {
        #expect(try jobs(try await post(["two,one"])) == ["two@bb", "one@aa"])
        #expect(try jobs(try await post(["two", "one"])) == ["two@bb", "one@aa"])
        #expect(try jobs(try await post([#"["one", "two"]"#])) == ["one@aa", "two@bb"])
        for asked in [
            ["one,one"], ["one", "one"], ["one,"], ["one,wide"], [String(repeating: "one,", count: 16) + "two"],
        ] {
            #expect(await problem { try await post(asked) }?.slug == "invalid-parameter", "\(asked)")
        }
        let report = try await post(["one,two"], [.init(name: "validate_only", value: "true")])
        #expect(try document(report)["rows"] as? Int == 30)
    }

    @Test("features are held against the model that is asked for")
    func width() async throws {
        #expect(await problem { try await post(["wide"]) }?.slug == "unfit-features")
        #expect(try await post(["wide"], width: 32).status == .accepted)
        let detail = await problem { try await post([], width: 32) }?.detail ?? ""
        #expect(detail.hasSuffix("expected 16; 'wide' takes 32, and is asked by model=wide"), "\(detail)")
        let two = await problem { try await post(["wide"]) }?.detail ?? ""
        #expect(two.contains("'one' and 'two' take 16"), "\(two)")
        let other = await problem { try await post([], width: 768) }?.detail ?? ""
        #expect(other.contains("ViT-L/14") && other.contains("--model"), "nothing that is served takes it: \(other)")
    }

    @Test("below /v2 another model of that width is told by the path that asks for it")
    func inferredWidth() async {
        let rows = InferenceService.input([Float](repeating: 0.5, count: 64), [2, 32])
        let answer = await InferenceService(service).infer("{\"inputs\": [\(rows)]}")
        #expect(answer.status == 422)
        let said = answer.error ?? ""
        #expect(said.contains("expected 16; 'wide' takes 32, and is asked by /v2/models/wide"), "\(said)")
    }

    @Test("what can't be taken is told with the name that the model is served by, whatever it was imported with")
    func names() async throws {
        let found = await problem { try await post(["two"], [.init(name: "labels", value: "normal,smoke")]) }
        #expect(found?.slug == "no-text-tower" || found?.detail.contains("text tower") == true)
        #expect(found?.detail.contains("model 'two'") == true, "\(found?.detail ?? "")")
    }

    private func change(_ verb: String, _ name: String, _ body: String = "") async throws -> Response {
        let request = Request(
            head: RequestHead(method: .post, path: "/v1/models/\(name)/\(verb)"), body: RequestBody(Array(body.utf8)),
            pathParameters: PathParameters([("name", name)]))
        return switch verb {
        case "load": try await service.loadModel(request)
        case "unload": try await service.unloadModel(request)
        default: try await service.rollBackModel(request)
        }
    }

    private var standings: [String] {
        get async {
            await service.scoring.standings.map {
                "\($0.name) \($0.state.rawValue) \($0.version?.knownSHA256 ?? "-") \($0.waitingJobs ?? -1)"
            }
        }
    }

    @Test("a model is loaded beside the one that is served, which does its jobs and then goes")
    func changes() async throws {
        _ = try await post(["two"])
        #expect(
            await standings == [
                "one ready aa 0", "two ready bb 1", "wide ready cc 0", "torn failed - -1",
            ])
        #expect(try document(try await change("load", "two"))["sha256"] as? String == "b2")
        #expect(await standings[1...2] == ["two ready b2 0", "two kept bb 1"])
        _ = try await post(["two"])
        #expect(try document(try await change("rollback", "two"))["sha256"] as? String == "bb")
        #expect(try document(try await change("load", "two", #"{"version": "b2"}"#))["sha256"] as? String == "b2")
        #expect(try document(try await change("unload", "two"))["state"] as? String == "unloaded")
        let left = await standings
        #expect(Set(left).isSuperset(of: ["two retiring b2 1", "two retiring bb 1", "two unloaded - -1"]), "\(left)")
        for job in try await service.scoring.backlog.list(limit: 10) {
            _ = try await service.scoring.backlog.cancel(job.id)
        }
        // The next change lets go of what has no jobs any more.
        _ = try await change("load", "one")
        #expect(await standings.allSatisfy { !$0.contains("retiring") })
    }

    @Test("what can't be done changes nothing, and says why")
    func refusals() async throws {
        let before = await standings
        let table = [
            ("load", "none", "", "unknown-model"), ("load", "../x", "", "unknown-model"),
            ("load", "one", #"{"version": "ff"}"#, "unknown-model"),
            ("load", "one", #"{"file": "/etc/passwd"}"#, "unusable-model"),
            ("load", "one", #"{"file": "x", "version": "aa"}"#, "invalid-parameter"),
            ("load", "one", #"{"path": "x"}"#, "invalid-parameter"), ("load", "one", "[", "invalid-parameter"),
            ("unload", "one", "", "model-stays"), ("unload", "none", "", "unknown-model"),
            ("rollback", "one", "", "model-stays"), ("rollback", "none", "", "unknown-model"),
        ]
        for (verb, name, body, slug) in table {
            #expect(await problem { try await change(verb, name, body) }?.slug == slug, "\(verb) \(name) \(body)")
        }
        #expect(await standings == before)
    }
}
