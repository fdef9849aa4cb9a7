import Foundation
import HTTP
import HTTPTypes
import Jobs
import Platform
import TestSupport
import Testing

@testable import API
@testable import Scoring

@Suite("Tensors of the Open Inference Protocol", .timeLimit(.minutes(10)))
struct InferenceTensorTests {
    private static func bytes(_ values: [Float]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

    private static func floats(_ bytes: [UInt8]) -> [Float] {
        bytes.withUnsafeBytes { raw in
            (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }

    /// The header of `features` as bytes.
    private static func header(
        _ shape: [Int], size: Int? = nil, type: String = "FP32", more: String = "", parameters: String = ""
    ) -> String {
        let bytes = size ?? shape.reduce(type == "FP16" ? 2 : 4, *)
        return """
            {\(parameters)"inputs": [{"name": "features", "shape": \(shape), "datatype": "\(type)",
            "parameters": {"binary_data_size": \(bytes)}}\(more)]
            """
    }

    @Test("tensors as bytes come back as bytes where that is asked for, one or all, one after the other")
    func binary() async throws {
        let vigil = try InferenceService()
        let values = InferenceService.features(2, rows: 11)
        let expected = try await vigil.score(values, rows: 11)
        let all = await vigil.infer(
            Self.header([11, 16], parameters: #""parameters": {"binary_data_output": true}, "#) + "}",
            tail: Self.bytes(values))
        #expect(all.status == 200 && all.fields[.contentType] == "application/octet-stream", "\(all.text.prefix(300))")
        #expect(all.outputs.map { $0["data"] == nil } == [true, true])
        let sizes = all.outputs.map { ($0["parameters"] as? [String: Int])?["binary_data_size"] }
        #expect(sizes == [44, 132])
        #expect(Self.floats(all.tail) == expected.scored.scores.coarse + expected.scored.scores.fine)
        let one = await vigil.infer(
            Self.header([11, 16]) + """
                , "outputs": [{"name": "fine"}, {"name": "labels", "parameters": {"binary_data": true}},
                 {"name": "coarse_logits", "parameters": {"binary_data": true}}]}
                """, tail: Self.bytes(values))
        #expect(one.numbers("fine") == expected.scored.scores.fine)
        let labels = InferenceService.labels.flatMap { label -> [UInt8] in
            [UInt8(label.utf8.count), 0, 0, 0] + Array(label.utf8)
        }
        #expect(one.tail == labels + Self.bytes(expected.result.logits.coarse))
    }

    @Test("segments and what is said of the video are those of /score, cut as the parameters say")
    func segments() async throws {
        let vigil = try InferenceService()
        let values = InferenceService.features(3, rows: 30)
        let expected = try await vigil.score(values, rows: 30)
        var options = ScoreOptions()
        (options.segments.threshold, options.segments.leave, options.fps) = (0.25, 0.125, 30)
        var result = expected.result
        result.options = options
        let document = ScoreDocument(result)
        #expect(!document.scored.segments.isEmpty)
        let answer = await vigil.infer(
            """
            {"parameters": {"threshold": 0.25, "leave": "0.125", "fps": 30, "priority": 1, "timeout": 60000000},
             "inputs": [\(InferenceService.input(values, [30, 16]))], "outputs": [{"name": "segments"}, {"name": "video"},
             {"name": "labels"}]}
            """)
        #expect(answer.outputs.map { $0["shape"] as? [Int] } == [[1], [1], [3]], "\(answer.text.prefix(300))")
        let texts = answer.outputs.map { $0["data"] as? [String] }
        #expect(texts[0]?.map { Array($0.utf8) } == [document.segmentsJSON])
        #expect(texts[1]?.map { Array($0.utf8) } == [document.videoJSON] && texts[2] == InferenceService.labels)
    }

    @Test("of a batch each video is scored as it is alone, and behind its end stand zeros, whatever stood there")
    func batch() async throws {
        let vigil = try InferenceService()
        let (rows, counts) = (9, [9, 1, 4])
        var values: [Float] = []
        var expected: [ScoreDocument] = []
        for (video, count) in counts.enumerated() {
            let own = InferenceService.features(UInt64(10 + video), rows: count)
            expected.append(try await vigil.score(own, rows: count))
            values += own + Array(repeating: .nan, count: (rows - count) * 16)
        }
        let lengths = counts.flatMap { count -> [UInt8] in [UInt8(count), 0, 0, 0] }
        let answer = await vigil.infer(
            Self.header(
                [3, rows, 16],
                more:
                    #", {"name": "lengths", "shape": [3], "datatype": "INT32", "parameters": {"binary_data_size": 12}}"#
            )
                + "}", tail: Self.bytes(values) + lengths)
        #expect(
            answer.shape("coarse") == [3, rows] && answer.shape("fine") == [3, rows, 3], "\(answer.text.prefix(300))")
        let (coarse, fine) = (answer.numbers("coarse"), answer.numbers("fine"))
        for (video, document) in expected.enumerated() {
            let own = video * rows..<video * rows + counts[video]
            #expect(Array(coarse[own]) == document.scored.scores.coarse)
            #expect(Array(fine[own.lowerBound * 3..<own.upperBound * 3]) == document.scored.scores.fine)
            #expect(coarse[own.upperBound..<(video + 1) * rows].allSatisfy { $0 == 0 })
        }
        let digests = (answer.json["parameters"] as? [String: Any])?["features_sha256"] as? String
        #expect(digests == expected.map(\.result.featuresSHA256).joined(separator: ","))
        let alone = await vigil.infer(
            "{\"inputs\": [\(InferenceService.input(InferenceService.features(10, rows: 9), [1, 9, 16]))]}")
        #expect(alone.shape("coarse") == [1, 9] && alone.numbers("coarse") == expected[0].scored.scores.coarse)
    }

    @Test("FP16 is scored as /score scores its numbers")
    func halves() async throws {
        let vigil = try InferenceService()
        let values = (0..<32).map { Float($0 - 16) / 32 }
        let expected = try await vigil.score(values, rows: 2)
        let halves = values.flatMap { value in
            [UInt8(truncatingIfNeeded: value.halfBits), UInt8(truncatingIfNeeded: value.halfBits >> 8)]
        }
        let answer = await vigil.infer(Self.header([2, 16], type: "FP16") + "}", tail: halves)
        #expect(answer.numbers("coarse") == expected.scored.scores.coarse)
    }

    @Test("lengths that don't fit, and tensors that are no videos, are refused by name")
    func unfit() async throws {
        let vigil = try InferenceService()
        let zeros = [Float](repeating: 0.5, count: 96)
        func lengths(_ shape: [Int], _ data: [Int]) -> String {
            ", {\"name\": \"lengths\", \"shape\": \(shape), \"datatype\": \"INT64\", \"data\": \(data)}"
        }
        for (shape, more, said) in [
            ([2, 3, 16], lengths([2], [3, 4]), "lengths[1] is out of range: expected 1 to 3"),
            ([2, 3, 16], lengths([2], [0, 1]), "lengths[0] is out of range"),
            ([2, 3, 16], lengths([2], [1, -1]), "lengths[1] is out of range"),
            ([2, 3, 16], lengths([3], [1, 1, 1]), "expected [2]"), ([6, 16], lengths([1], [7]), "expected 1 to 6"),
            ([96], "", "expected two dimensions"), ([6, 4, 2, 2], "", "expected two dimensions"),
            ([12, 8], "", "rows are 8 wide: expected 16"), ([2, 6, 8], "", "'features[0]': rows are 8 wide"),
        ] as [([Int], String, String)] {
            let answer = await vigil.infer("{\"inputs\": [\(InferenceService.input(zeros, shape, more: more))]}")
            #expect(answer.status == 422 && answer.error?.contains(said) == true, "\(shape) \(answer.text.prefix(300))")
        }
        for shape in ["[0, 16]", "[0, 3, 16]", "[3, 4611686018427387904, 0]", "[2, 0, 16]"] {
            let empty = "{\"name\": \"features\", \"shape\": \(shape), \"datatype\": \"FP32\", \"data\": []}"
            #expect(await vigil.infer("{\"inputs\": [\(empty)]}").status == 422, "\(shape)")
        }
        #expect(vigil.service.scoring.backlog.metrics.reservedJobs == 0)
    }

    @Test("what can't be read is 400, what is too much 413, what can't be scored 422, and nothing is queued")
    func refused() async throws {
        let vigil = try InferenceService()
        let input = InferenceService.input(Array(repeating: 1, count: 16), [1, 16])
        let nan = Self.bytes([Float](repeating: .nan, count: 16))
        let answers = [
            (await vigil.infer("{"), 400), (await vigil.infer("{\"inputs\": [\(input)], \"inputs\": []}"), 400),
            (await vigil.infer(Self.header([1, 16], size: 60) + "}", tail: nan), 400),
            (await vigil.infer(Self.header([1, 16]) + "}", tail: nan), 422),
            (await vigil.infer(Self.header([1 << 40, 16]) + "}", tail: nan), 413),
            (await vigil.infer("{\"inputs\": [\(input)], \"outputs\": [{\"name\": \"x\"}]}"), 422),
            (await vigil.infer("{\"inputs\": [\(input)], \"parameters\": {\"treshold\": 1}}"), 422),
            (await vigil.infer("{\"inputs\": [\(input)], \"parameters\": {\"logits\": true}}"), 422),
            (await vigil.infer("{\"inputs\": [\(input)], \"parameters\": {\"model\": \"x\"}}"), 422),
            (await vigil.infer("{\"inputs\": [\(input)], \"parameters\": {\"sequence_id\": 1}}"), 422),
            (await vigil.infer("{\"inputs\": [\(input)], \"parameters\": {\"priority\": 4}}"), 422),
            (await vigil.infer("{\"inputs\": [\(input)], \"parameters\": {\"timeout\": -1}}"), 422),
            (await vigil.infer("{\"inputs\": [\(input)]}", [(.contentType, "application/x-npy")]), 415),
            (await vigil.infer("{\"inputs\": [\(input)]}", [(.contentEncoding, "br")]), 415),
            (await vigil.infer("{\"inputs\": [\(input)]}", [(.inferenceHeaderLength, "x")]), 400),
            (await vigil.infer("{\"inputs\": [\(input)]}", [(.inferenceHeaderLength, "100000")]), 400),
            (await vigil.ask(.post, "/v2/models/none/infer", Array("{}".utf8)), 404),
            (await vigil.ask(.post, "/v2/models/\(vigil.name)/versions/zz/infer", Array("{}".utf8)), 404),
            (await vigil.ask(.get, "/v2/models/\(vigil.name)/infer"), 405), (await vigil.ask(.get, "/v2/x"), 404),
        ]
        for (index, (answer, status)) in answers.enumerated() {
            #expect(answer.status == status && answer.error?.isEmpty == false, "\(index): \(answer.text.prefix(300))")
            #expect(answer.json.keys.sorted() == ["error"] && answer.fields[.contentType] == "application/json")
        }
        #expect(vigil.service.scoring.backlog.metrics.reservedJobs == 0)
        #expect(vigil.service.scoring.backlog.metrics.accepted == 0)
    }
}

@Suite("What becomes of a request of the Open Inference Protocol", .timeLimit(.minutes(10)))
struct InferenceLifeTests {
    private static let body = "\"inputs\": [\(InferenceService.input(Array(repeating: 0.5, count: 32), [2, 16]))]}"

    private func jobs(_ vigil: InferenceService) async throws -> Int {
        try await vigil.service.scoring.backlog.list(JobFilter(), limit: 100, before: nil).count
    }

    @Test("its job is forgotten once it is answered, unless results are kept to be reused")
    func forgotten() async throws {
        let vigil = try InferenceService()
        #expect(await vigil.infer("{" + Self.body).status == 200)
        try await waitUntil { try await jobs(vigil) == 0 }
        var settings = ScoringService.Settings()
        settings.reusesResults = true
        let keeping = try InferenceService(settings: settings)
        #expect(await keeping.infer("{" + Self.body).status == 200)
        #expect(await keeping.infer("{" + Self.body).status == 200)
        #expect(try await jobs(keeping) == 1)
    }

    @Test("a client that goes away takes its job with it")
    func gone() async throws {
        let vigil = try InferenceService(starts: false)
        let task = Task { await vigil.infer("{" + Self.body) }
        try await waitUntil { try await jobs(vigil) == 1 }
        task.cancel()
        _ = await task.value
        try await waitUntil { try await jobs(vigil) == 0 }
        #expect(vigil.service.scoring.backlog.metrics.queuedJobs == 0)
    }

    @Test("one that is not scored in time is 503, and takes its job with it")
    func late() async throws {
        let vigil = try InferenceService(starts: false)
        let task = Task { await vigil.infer("{\"parameters\": {\"timeout\": 1000}, " + Self.body) }
        try await waitUntil { try await jobs(vigil) == 1 }
        while vigil.service.scoring.backlog.metrics.queuedJobs > 0 {
            vigil.clock.advance(by: .seconds(1))
            await Task.yield()
        }
        let answer = await task.value
        #expect(
            answer.status == 503 && answer.error?.contains("in the time") == true && answer.fields[.retryAfter] != nil)
        try await waitUntil { try await jobs(vigil) == 0 }
    }

    @Test("one whose job somebody else has cancelled is told so")
    func cancelled() async throws {
        let vigil = try InferenceService(starts: false)
        let task = Task { await vigil.infer("{" + Self.body) }
        try await waitUntil { try await jobs(vigil) == 1 }
        let job = try #require(
            try await vigil.service.scoring.backlog.list(JobFilter(), limit: 1, before: nil).first)
        _ = try await vigil.service.scoring.backlog.cancel(job.id)
        let answer = await task.value
        #expect(answer.status == 503 && answer.error == "The request's job was cancelled.")
    }

    @Test("where others hold the room for large answers, nothing is scored in vain")
    func answersBusy() async throws {
        var settings = ScoringService.Settings()
        settings.answerBytes = 1 << 20
        let vigil = try InferenceService(settings: settings)
        let rows = 12_000
        let values = [Float](repeating: 0.5, count: rows * 16)
        let header = """
            {"inputs": [{"name": "features", "shape": [\(rows), 16], "datatype": "FP32",
             "parameters": {"binary_data_size": \(4 * values.count)}}]}
            """
        let others = try #require(vigil.service.scoring.answers.take(2 << 20))
        let answer = await vigil.infer(header, tail: values.withUnsafeBytes { Array($0) })
        withExtendedLifetime(others) {}
        #expect(answer.status == 503 && answer.error?.isEmpty == false && answer.fields[.retryAfter] != nil)
        #expect(vigil.service.scoring.backlog.metrics.accepted == 0)
    }

    @Test("a full backlog is 429 with Retry-After, before the body is read")
    func full() async throws {
        let vigil = try InferenceService(limits: Backlog.Limits(maxJobs: 1), starts: false)
        let task = Task { await vigil.infer("{" + Self.body) }
        try await waitUntil { try await jobs(vigil) == 1 }
        let answer = await vigil.infer("{")
        #expect(answer.status == 429 && answer.error != nil && answer.fields[.retryAfter] != nil)
        task.cancel()
        _ = await task.value
    }

    @Test("a batch of more than its client may have queued is refused by its shape, before its numbers")
    func beyondShare() async throws {
        var limits = Backlog.Limits(maxJobs: 10)
        limits.maxJobsPerClient = 2
        let vigil = try InferenceService(limits: limits, starts: false)
        func batch(of videos: Int) async -> InferenceService.Answer {
            // What is no number is found once all is there.
            let values = [Float](repeating: .nan, count: videos * 4 * 16)
            let header = """
                {"inputs": [{"name": "features", "shape": [\(videos), 4, 16], "datatype": "FP32",
                 "parameters": {"binary_data_size": \(4 * values.count)}}]}
                """
            return await vigil.infer(header, tail: values.withUnsafeBytes { Array($0) })
        }
        #expect(await batch(of: 3).status == 413)
        #expect(await batch(of: 2).status == 422)
    }

    @Test("who has no key is told so in the protocol's words; health needs none, and a reader scores nothing")
    func keys() async throws {
        let guarded = try GuardedService(["alice", "bob role=reader"])
        let refused = try await guarded.ask(.get, "/v2", as: nil)
        #expect(refused.status == 401 && refused.body.hasPrefix(#"{"error":"#))
        #expect(refused.fields[.wwwAuthenticate] == "Bearer")
        #expect(try await guarded.ask(.get, "/v2", as: "alice").status == 200)
        #expect(try await guarded.ask(.get, "/v2/health/live", as: nil).body.hasPrefix(#"{"live":"#))
        #expect(try await guarded.ask(.get, "/v2/health/ready", as: nil).body == #"{"ready":true}"#)
        let name = guarded.service.scoring.models.default.name
        let reader = try await guarded.ask(.post, "/v2/models/\(name)/infer", as: "bob", body: [])
        #expect(reader.status == 403 && reader.body.hasPrefix(#"{"error":"#))
    }
}
