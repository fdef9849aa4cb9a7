import Engine
import Formats
import Foundation
import HTTP
import HTTPTypes
import Jobs
import Platform
import Tensors
import TestSupport
import Testing
import VadCLIP

@testable import API
@testable import Scoring
@testable import Video

/// Clients rely on openapi.yaml; these hold it to the code and the code to it.
@Suite("openapi.yaml describes what is served")
struct OpenAPITests {
    let description: APIDescription
    let service: VigilService

    init() throws {
        description = try APIDescription()
        let file = try MappedFile(path: Paths.root + "/Sources/CResources/demo.safetensors")
        let (model, _) = try ModelFile.load(file, kernels: try .choose(nil))
        service = VigilService(
            ScoringService(
                models: ModelRegistry(serving: model), backlog: Backlog(store: MemoryJobStore()), workers: 1),
            openAPI: Array("openapi".utf8))
    }

    @Test("every route and method is described, and no other")
    func routes() {
        let served = service.router().descriptions.map { "\($0.method.rawValue) \($0.pattern)" }
        #expect(Set(served) == description.operations)
    }

    @Test("every problem that the sources can answer with is listed with its meaning, and no other")
    func problems() throws {
        let slugs =
            try Self.names(after: "slug: \"", in: "HTTP").union(Self.names(after: "slug: \"", in: "API"))
        #expect(slugs.count > 20, "the search for slugs found too few to be right")
        #expect(Set(description.values(of: "Problem", "type")) == Set(slugs.map { Problem.path + $0 }))
        #expect(Set(description.node("x-problem-types").keys) == slugs)
    }

    @Test("every reason for which a job can fail is listed, and no other")
    func failures() throws {
        let reasons = try Self.names(after: "reason: \"", in: "Jobs")
            .union(Self.names(after: "reason: \"", in: "Scoring"))
            .union(Self.names(after: "reason: \"", in: "API"))
            .union(Self.names(after: "JobFailure(reason: \"", in: "SQLiteStore"))
        #expect(Set(description.values(of: "JobError", "type")) == Set(reasons.map { Problem.path + $0 }))
        #expect(Set(description.node("x-failure-types").keys) == reasons)
    }

    @Test("what types of problems lead to is what the description says of them")
    func explanations() throws {
        let text = try String(contentsOfFile: Paths.root + "/openapi.yaml", encoding: .utf8)
        let read = ProblemTypes(Array(text.utf8))
        let (answers, failures) = (description.node("x-problem-types"), description.node("x-failure-types"))
        #expect(Set(read.all.map(\.name)) == Set(answers.keys).union(failures.keys))
        for entry in read.all {
            let node = (answers[entry.name] ?? failures[entry.name]) as? APIDescription.Node ?? [:]
            #expect(entry.meaning == node["meaning"] as? String && entry.status == node["status"] as? Int)
        }
        #expect(ProblemTypes([]).all == [])
    }

    @Test("each parameter of a query that is described is known to its endpoint, and no other")
    func queries() async throws {
        for (path, item) in description.node("paths") {
            for (method, operation) in item as? APIDescription.Node ?? [:] where method == "get" || method == "delete" {
                guard operation is APIDescription.Node, path.contains("jobs") || path.contains("batches") else {
                    continue
                }
                let names = description.parameters(of: method, path, in: "query")
                let expected = names.isEmpty ? "none is taken here" : "expected \(names.joined(separator: ", "))"
                let problem = await problem(method, path, query: "nonsense")
                #expect(problem?.detail == "nonsense: no such parameter: \(expected)", "\(method) \(path)")
            }
        }
    }

    private func problem(_ method: String, _ path: String, query: String) async -> HTTPProblem? {
        let request = Request(
            head: RequestHead(
                method: method == "get" ? .get : .delete, path: path,
                query: QueryItems([.init(name: query, value: "1")])),
            pathParameters: PathParameters([("id", "01M85BV3QAE4RGA8GVVP3465ME")]))
        do {
            switch (method, path) {
            case ("get", "/jobs"): _ = try await service.listJobs(request)
            case ("get", "/jobs/{id}"): _ = try await service.showJob(request)
            case ("get", "/jobs/{id}/features"): _ = try await service.showFeatures(request)
            case ("get", "/jobs/{id}/thumbnails/{file}"): _ = try await service.showThumbnail(request)
            case ("get", "/jobs/{id}/events"): _ = try await service.showEvents(request)
            case ("get", "/jobs/{id}/verdicts"): _ = try await service.showVerdicts(request)
            case ("get", "/batches/{id}"): _ = try await service.showBatch(request)
            case ("get", "/batches/{id}/comparison"): _ = try await service.showComparison(request)
            case ("delete", "/jobs/{id}"): _ = try await service.deleteJob(request)
            case ("delete", "/batches/{id}"): _ = try await service.deleteBatch(request)
            default: return nil
            }
            return nil
        } catch { return Problem.of(error) }
    }

    @Test("the parameters of POST /score are those that the code reads, as fields of a form and in JSON too")
    func parameters() {
        #expect(description.parameters(of: "post", "/score", in: "query") == ScoreOptions.names)
        #expect(description.parameters(of: "post", "/jobs/{id}/again", in: "query") == ScoreOptions.ofAgain)
        let form = description.schema("FeatureForm")["properties"] as? APIDescription.Node ?? [:]
        #expect(Set(form.keys) == Set(ScoreOptions.names + ["features", "video"]))
        let rows = description.schema("FeatureRows")["properties"] as? APIDescription.Node ?? [:]
        #expect(Set(rows.keys) == Set(ScoreOptions.names + ["features"]))
    }

    @Test("the types of a body are those that the code takes")
    func bodies() {
        let types = description.node("paths", "/score", "post", "requestBody", "content").keys
        #expect(Set(types) == Set(UploadFormat.takenWithVideos.split(separator: ", ").map(String.init)))
    }

    @Test("jobs and results have the described properties, and no other")
    func jobs() throws {
        var conformance = Conformance(description)
        try conformance.check(JobDocument(job: Self.job()).json, "Job")
        var older = try Self.job()
        older.modelSHA256 = nil
        older.isModelMissing = true
        try conformance.check(JobDocument(job: older).json, "Job")
        try conformance.check(
            JobDocument(job: Self.job(failed: true), result: ScoreDocument(Self.result()), isReused: true).json, "Job")
        try conformance.check(JobDocument(job: Self.videoJob()).json, "Job")
        var video = Self.result()
        video.source = Self.source
        video.options.camera = "front"
        video.pictures = [SegmentPicture(start: 0, jpeg: [1]), SegmentPicture(start: 1, jpeg: [2])]
        var document = ScoreDocument(video)
        document.thumbnails = ScoreDocument.thumbnails(of: video, job: "01M85BV3QAE4RGA8GVVP3465ME")
        try conformance.check(document.json, "Result")
        let result = Self.result()
        try conformance.check(
            ChunkDocument(
                chunk: 0, range: 0..<2, labels: result.labels, kind: result.kind, logits: result.logits,
                showsLogits: true
            ).json, "ChunkScores")
        var plain = Self.result()
        plain.trained = true
        plain.options = ScoreOptions()
        try conformance.check(ScoreDocument(plain).json, "Result")
        #expect(conformance.differences == [])
        let schemas = [
            "Job", "JobError", "Progress", "ChunkScores", "Result", "FineScores", "ResultLogits", "VideoSummary",
            "Segment",
            "Provenance", "Timings",
        ]
        #expect(conformance.unseen(in: schemas) == [])
    }

    @Test("feature reports, models, health and problems have the described properties, and no other")
    func others() async throws {
        var conformance = Conformance(description)
        let (_, report) = try FeatureCheck(width: 4).accept(
            shape: [2, 4], values: [1, 0, 0, 0, 0, 1, 0, 0], elementType: "float32", order: "C")
        #expect(!report.warnings.isEmpty)
        try conformance.check(FeatureReportDocument(report).json, "FeatureReport")
        try conformance.check(await service.listModels().bytes, "Models")
        let absent = ModelStanding(
            name: "x", state: .failed, isDefault: false, reason: "torn", version: nil, waitingJobs: nil)
        try conformance.check(ModelDocument(standing: absent).json, "Model")
        for state in CanaryStanding.State.allCases {
            var standing = try #require(await service.scoring.standings.first)
            standing.isUntilRestart = true
            standing.canary = CanaryStanding(
                state: state, share: 0.05, sha256: "aa", fault: .file("torn"), tally: CanaryTally())
            try conformance.check(ModelDocument(standing: standing).json, "Model")
        }
        try conformance.check(await service.healthy(detailed: true).bytes, "Health")
        try conformance.check(service.live(detailed: true).bytes, "Health")
        try conformance.check(await service.ready(detailed: true).bytes, "Health")
        try conformance.check(await service.ready(detailed: false).bytes, "Health")
        try conformance.check(VigilService.render(Problem.of(.unknownJob("x")), requestID: "r").bytes, "Problem")
        #expect(conformance.differences == [])
        let schemas = ["FeatureReport", "RowNorm", "Models", "Model", "Canary", "Health", "HealthCheck", "Problem"]
        #expect(conformance.unseen(in: schemas) == [])
    }

    @Test("what is told below /v2 has the described properties, and no other")
    func inference() async throws {
        let vigil = try InferenceService()
        var conformance = Conformance(description)
        let model = "/v2/models/\(vigil.name)"
        try conformance.check(await vigil.ask(.get, "/v2").bytes, "InferenceServer")
        try conformance.check(await vigil.ask(.get, model).bytes, "InferenceModel")
        let values = InferenceService.features(1, rows: 2).map { _ in Float(1) }
        let features = InferenceService.input(values, [2, InferenceService.width])
        let json = "{\"id\": \"1\", \"inputs\": [\(features)]}"
        try conformance.check(await vigil.infer(json).bytes, "InferenceAnswer")
        let binary = await vigil.infer(
            json.replacing("{\"id\"", with: "{\"parameters\": {\"binary_data_output\": true}, \"id\""))
        try conformance.check(Array(binary.bytes.prefix(binary.bytes.count - binary.tail.count)), "InferenceAnswer")
        try conformance.check(Self.answer(), "InferenceAnswer")
        try conformance.check(await vigil.ask(.get, "/v2/none").bytes, "InferenceError")
        for (path, schema) in [
            ("/v2/health/live", "InferenceLive"), ("/v2/health/ready", "InferenceReady"),
            (model + "/ready", "InferenceModelReady"),
        ] {
            try conformance.check(await vigil.ask(.get, path).bytes, schema)
        }
        vigil.service.scoring.stopAccepting()
        try conformance.check(await vigil.ask(.get, "/v2/health/ready").bytes, "InferenceReady")
        try conformance.check(await vigil.ask(.get, model + "/ready").bytes, "InferenceModelReady")
        #expect(conformance.differences == [])
        try conformance.check(await vigil.ask(.post, "/v2/repository/index").bytes, "InferenceRepository")
        let schemas = [
            "InferenceServer", "InferenceModel", "InferenceTensor", "InferenceAnswer", "InferenceAnswerParameters",
            "InferenceOutput", "InferenceError", "InferenceReady", "InferenceModelReady",
        ]
        #expect(conformance.unseen(in: schemas) == [])
    }

    /// An answer of a model of which something is to be said.
    private static func answer() -> [UInt8] {
        let result = ScoreDocument(Self.result())
        return InferenceAnswer(
            request: InferenceRequest(), axes: [2], model: ("m", "a"), results: [result], warnings: [["w"]]
        ).body.bytes
    }

    @Test("the inputs and outputs of a request that are described are those that the code takes and gives")
    func tensors() {
        let properties = description.schema("InferenceRequest")["properties"] as? APIDescription.Node ?? [:]
        func names(_ list: String) -> [String] {
            let items = (properties[list] as? APIDescription.Node)?["items"] as? APIDescription.Node
            let name = (items?["properties"] as? APIDescription.Node)?["name"] as? APIDescription.Node
            return name?["enum"] as? [String] ?? []
        }
        #expect(names("inputs") == TensorUpload.inputs.map(\.name))
        #expect(names("outputs") == InferenceOutputName.allCases.map(\.rawValue))
    }

    @Test("a page of jobs has the described properties, and no other")
    func page() async throws {
        var conformance = Conformance(description)
        let request = Request(head: RequestHead(method: .get, path: "/jobs"))
        try conformance.check(await service.listJobs(request).bytes, "JobList")
        #expect(conformance.differences == [])
        #expect(conformance.unseen(in: ["JobList"]) == [])
    }

    @Test("the explanations of problems have the described properties, and no other")
    func explained() throws {
        var conformance = Conformance(description)
        let text = try String(contentsOfFile: Paths.root + "/openapi.yaml", encoding: .utf8)
        let file = try MappedFile(path: Paths.root + "/Sources/CResources/demo.safetensors")
        let service = VigilService(
            ScoringService(
                models: ModelRegistry(serving: try ModelFile.load(file, kernels: try .choose(nil)).0),
                backlog: Backlog(store: MemoryJobStore()), workers: 1),
            openAPI: Array(text.utf8))
        let fields = HeaderFields([(name: .accept, value: "application/json")])
        let all = service.showProblems(Request(head: RequestHead(method: .get, path: "/problems", fields: fields)))
        try conformance.check(all.bytes, "ProblemTypes")
        let one = try service.showProblem(
            Request(
                head: RequestHead(method: .get, path: "/problems/draining", fields: fields),
                pathParameters: PathParameters([("name", "draining")])))
        try conformance.check(one.bytes, "ProblemType")
        #expect(conformance.differences == [])
        #expect(conformance.unseen(in: ["ProblemTypes", "ProblemType"]) == [])
    }

    @Test("batches, callbacks and reports on several matrices have the described properties, and no other")
    func batches() async throws {
        var conformance = Conformance(description)
        let job = try Self.job(failed: true)
        let batch = Batch(id: try #require(BatchID(job.id.description)), jobs: [try Self.job(), job])
        try conformance.check(BatchDocument(batch: batch).json, "Batch")
        try conformance.check(CallbackDocument(job: job).json, "Callback")
        #expect(conformance.differences == [])
        #expect(conformance.unseen(in: ["Batch", "BatchCounts", "Callback"]) == [])
    }

    @Test("a comparison has the described properties, and no other")
    func comparison() throws {
        var conformance = Conformance(description)
        var low = Self.result()
        low.logits.coarse = [3, -3]
        let id = "01M85BV3QAE4RGA8GVVP3465ME"
        try conformance.check(ComparisonDocument(Self.result(), low).json(batch: id), "Comparison")
        low.labels = ["normal", "smoke"]
        try conformance.check(ComparisonDocument(Self.result(), low).json(batch: id), "Comparison")
        #expect(conformance.differences == [])
        let schemas = ["Comparison", "ScoreComparison", "CoarseDifference", "ScoreDifference"]
        #expect(conformance.unseen(in: schemas) == [])
    }

    @Test("what differs from the description is noticed")
    func differences() throws {
        var conformance = Conformance(description)
        try conformance.check(Array(#"{"chunks_done": "none", "parts": 1}"#.utf8), "Progress")
        #expect(conformance.differences.count == 3)
    }

    @Test(
        "the file is valid OpenAPI 3.1",
        // pip install openapi-spec-validator
        .enabled(if: Paths.run("python3", ["-c", "import openapi_spec_validator"]).status == 0))
    func isValid() {
        let (status, output) = Paths.run(
            "python3", ["-m", "openapi_spec_validator", Paths.root + "/openapi.yaml"])
        #expect(status == 0, "\(output)")
    }
}

extension OpenAPITests {
    /// What stands between `mark` and the next quote in the Swift files of a target.
    private static func names(after mark: String, in target: String) throws -> Set<String> {
        let folder = Paths.root + "/Sources/" + target
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".swift") }
        return try files.reduce(into: Set<String>()) { names, file in
            let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
            for piece in text.components(separatedBy: mark).dropFirst() {
                names.insert(String(piece.prefix { $0 != "\"" }))
            }
        }
    }

    private static func job(failed: Bool = false) throws -> Job {
        let subject = ScoreSubject(
            snippets: 1, width: 2, digest: FeatureDigest(String(repeating: "0", count: 64)), warnings: ["w"],
            options: [])
        var new = NewJob.score(
            [1, 2], subject, by: ModelID(name: "m", sha256: String(repeating: "a", count: 64)), outputEstimate: 1)
        new.name = "n"
        new.owner = "o"
        new.deadline = .seconds(1)
        let id = try #require(JobID("01M85BV3QAE4RGA8GVVP3465ME"))
        var job = Job(new, id: id, createdAt: WallTime(milliseconds: 0), batch: BatchID(id.description))
        guard failed else { return job }
        job.status = .failed
        job.startedAt = WallTime(milliseconds: 1)
        job.finishedAt = WallTime(milliseconds: 2)
        job.queuePosition = 1
        job.estimatedSeconds = 0.25
        job.failure = JobFailure(reason: "not-finite", detail: "d")
        return job
    }

    /// A result that has everything a result can have.
    private static func result() -> ScoreResult {
        var logits = Logits(snippets: 2, classes: 2)
        logits.coarse = [-3, 3]
        logits.fine = [2, 1, 1, 2]
        var options = ScoreOptions()
        options.fps = 25
        options.logits = true
        return ScoreResult(
            model: "m", modelSHA256: "a", acceptedForSHA256: "b", trained: false, caveat: "for tests alone",
            labels: ["normal", "fighting"],
            logits: logits,
            featuresSHA256: "b", kernels: "portable", options: options, queuedMilliseconds: 1, scoredMilliseconds: 2.5)
    }
}

extension Response {
    /// The body, where it is bytes.
    var bytes: [UInt8] {
        if case .bytes(let bytes) = body { bytes } else { [] }
    }
}
