import Engine
import Formats
import HTTP
import HTTPTypes
import Jobs
import Platform
import TestSupport
import Testing
import VadCLIP

@testable import API
@testable import Scoring

/// `POST /score` by its handler, with workers that never begin.
@Suite("Submitting over HTTP", .timeLimit(.minutes(10)))
struct SubmissionTests {
    private static let width = 16
    private let clock = ManualClock()
    private let service: VigilService

    init() throws {
        var settings = ScoringService.Settings()
        settings.reusesResults = true
        let configuration = ModelConfiguration(
            width: Self.width, length: 8, layers: 1, window: 4, labels: ["normal", "fire"])
        var limits = Backlog.Limits(maxJobs: 10)
        limits.maxJobsPerClient = 6
        service = VigilService(
            ScoringService(
                models: ModelRegistry(serving: try Model.synthetic(configuration, kernels: .available[0])),
                backlog: Backlog(store: MemoryJobStore(clock: clock), limits: limits, clock: clock), workers: 1,
                settings: settings),
            openAPI: [])
    }

    private static func npy(_ seed: UInt64, rows: Int = 3) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        return NPYWriter.encode(random.floats(rows * width, scale: 0.8), rows: rows, columns: width)
    }

    private func post(
        _ body: [UInt8], key: String? = nil, query: [QueryItems.Item] = [], client: String = "a",
        fields: [(name: HTTPField.Name, value: String)] = [(.contentType, "application/x-npy")]
    ) async throws -> Response {
        let all = fields + (key.map { [(name: HTTPField.Name.idempotencyKey, value: $0)] } ?? [])
        let head = RequestHead(method: .post, path: "/score", query: QueryItems(query), fields: HeaderFields(all))
        return try await service.score(
            Request(head: head, body: RequestBody(body), client: .key(client)))
    }

    private func problem(_ body: () async throws -> Response) async -> HTTPProblem? {
        do {
            _ = try await body()
            return nil
        } catch { return Problem.of(error) }
    }

    private func form(
        _ files: [(name: String, content: [UInt8])], query: [QueryItems.Item] = []
    ) async throws -> Response {
        let body = SampleForm.form(files.map { SampleForm.part("features", file: $0.name, $0.content) })
        let type = "multipart/form-data; boundary=\(SampleForm.boundary)"
        return try await post(body, query: query, fields: [(.contentType, type)])
    }

    @Test("a batch of more jobs than its client may have is told so before the files after them are looked at")
    func tooManyJobs() async throws {
        let files = (0..<7).map { (name: "\($0).npy", content: Self.npy(UInt64($0))) }
        let broken = files + [(name: "broken.npy", content: Array("no features".utf8))]
        let refused = await problem { try await form(broken) }
        #expect(refused?.status == .contentTooLarge && refused?.slug == "batch-too-large")
        #expect(refused?.detail.contains("more jobs than the 6 that this client may have queued") == true)
        let looked = await problem { try await form(Array(files.dropLast(2)) + broken.suffix(1)) }
        #expect(looked != nil && looked?.slug != "batch-too-large", "the broken one is the sixth of them")
        #expect(try await form(Array(files.dropLast())).status == .accepted)
        let query = [QueryItems.Item(name: "validate_only", value: "true")]
        #expect(try await form(files, query: query).status == .ok, "a report is no job")
    }

    @Test("the same key and body are answered by the same job, other bodies, parameters and clients are not")
    func keys() async throws {
        let first = try await post(Self.npy(1), key: "k")
        let again = try await post(Self.npy(1), key: "k")
        #expect(first.status == .accepted && again.status == .accepted)
        #expect(first.fields[.location] == again.fields[.location])
        #expect(first.fields[.idempotencyReplayed] == nil && again.fields[.idempotencyReplayed] == "true")
        let other = await problem { try await post(Self.npy(2), key: "k") }
        #expect(other?.status == .conflict && other?.slug == "idempotency-key-reused")
        let high = await problem {
            try await post(Self.npy(1), key: "k", query: [.init(name: "priority", value: "high")])
        }
        #expect(high?.status == .conflict)
        let stranger = try await post(Self.npy(2), key: "k", client: "b")
        #expect(stranger.fields[.location] != first.fields[.location])
        #expect(service.scoring.backlog.metrics.queuedJobs == 2)
    }

    @Test("a hundred equal requests at once are one job")
    func race() async throws {
        let places = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    while true {
                        do { return try await post(Self.npy(1), key: "k").fields[.location] } catch {
                            // More uploads at a time than a client may have in the queue.
                            guard Problem.of(error)?.status == .tooManyRequests else { throw error }
                            await Task.yield()
                        }
                    }
                }
            }
            return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
        }
        #expect(places.count == 1 && service.scoring.backlog.metrics.queuedJobs == 1)
    }

    @Test("several files are a batch whose jobs have their names, in order")
    func batch() async throws {
        let answer = try await form([("cam1.npy", Self.npy(1)), ("cam2.npy", Self.npy(2, rows: 20))])
        let place = try #require(answer.fields[.location])
        #expect(answer.status == .accepted && place.hasPrefix("/batches/"))
        let id = try #require(BatchID(String(place.dropFirst("/batches/".count))))
        let jobs = try #require(try await service.scoring.backlog.batch(id)).jobs
        #expect(jobs.map(\.name) == ["cam1", "cam2"] && jobs.map(\.parts) == [1, 3])
        #expect(jobs.allSatisfy { $0.client == "key a" && $0.batch == id })
    }

    @Test("a batch with a file that can't be scored is refused whole, by the file's name")
    func badBatch() async throws {
        let bad = NPYWriter.encode([Float](repeating: .nan, count: Self.width), rows: 1, columns: Self.width)
        let problem = await problem { try await form([("cam1.npy", Self.npy(1)), ("cam2.npy", bad)]) }
        #expect(problem?.status == .unprocessableContent && problem?.detail.contains("cam2.npy") == true)
        #expect(service.scoring.backlog.metrics.queuedJobs == 0 && service.scoring.backlog.metrics.reservedJobs == 0)
    }

    @Test("a batch for which there is no room is refused whole, by the share or by the whole")
    func tooManyFiles() async throws {
        let files = (0..<8).map { (name: "\($0).npy", content: Self.npy(UInt64($0))) }
        let never = await problem { try await form(files) }
        #expect(never?.status == .contentTooLarge && never?.detail.contains("more jobs than the 6") == true)
        let share = await problem {
            _ = try await post(Self.npy(1))
            return try await form(Array(files.prefix(6)))
        }
        #expect(share?.status == .tooManyRequests && share?.slug == "share-full" && share?.fields[.retryAfter] != nil)
        let more = (0..<11).map { (name: "\($0).npy", content: Self.npy(UInt64($0))) }
        let whole = await problem { try await form(more) }
        #expect(whole?.status == .contentTooLarge)
        #expect(service.scoring.backlog.metrics.queuedJobs == 1 && service.scoring.backlog.metrics.reservedJobs == 0)
    }

    @Test("with results to reuse, equal features and options are answered by the job that has succeeded")
    func reuse() async throws {
        let first = try await post(Self.npy(1))
        let place = try #require(first.fields[.location])
        let id = try #require(JobID(String(place.dropFirst("/jobs/".count))))
        let early = try await post(Self.npy(1))
        #expect(early.fields[.location] != place, "a job that has not ended answers for no other")
        try service.scoring.start()
        _ = try await service.scoring.backlog.waitForEnd(id, timeout: .seconds(1))
        let again = try await post(Self.npy(1))
        #expect(again.status == .ok && again.text.contains(#""reused":true"#) && again.text.contains(#""coarse":["#))
        let other = try await post(Self.npy(1), query: [.init(name: "logits", value: "true")])
        #expect(other.status == .accepted)
        _ = await service.scoring.drain(within: .seconds(5))
    }

    private func json(_ members: String, query: [QueryItems.Item] = []) async throws -> Response {
        let row = (0..<Self.width).map { "\($0 + 1)" }.joined(separator: ",")
        return try await post(
            Array("{\(members)\"features\": [[\(row)]]}".utf8), query: query,
            fields: [(.contentType, "application/json")])
    }

    @Test("parameters in a JSON body count as those of the query do")
    func jsonParameters() async throws {
        let answer = try await json(#""name": "cam", "priority": "low", "deadline": 30, "fps": null, "#)
        #expect(answer.status == .accepted && answer.text.contains(#""name":"cam""#))
        let report = try await json(#""validate_only": true, "#)
        #expect(report.status == .ok && report.text.contains("row_norm"))
        for (members, name) in [
            (#""treshold": 0.5, "#, "treshold"), (#""fps": "x", "#, "fps"), (#""meta": {}, "#, "meta"),
        ] {
            let problem = await problem { try await json(members) }
            #expect(problem?.slug == "invalid-parameter" && problem?.detail.hasPrefix("\(name): ") == true)
        }
        let twice = await problem {
            try await json(#""fps": 25, "#, query: [.init(name: "fps", value: "25")])
        }
        #expect(
            twice?.detail
                == "fps: given twice, by the request and by what is uploaded, a field of its form or beside the "
                + "features: expected once")
        #expect(service.scoring.backlog.metrics.queuedJobs == 1 && service.scoring.backlog.metrics.reservedJobs == 0)
    }

    @Test("a batch and a report are JSON alone: who takes something else gets 406, and nothing is queued")
    func acceptable() async throws {
        let boundary = "multipart/form-data; boundary=\(SampleForm.boundary)"
        let body = SampleForm.form([
            SampleForm.part("features", file: "a.npy", Self.npy(1)),
            SampleForm.part("features", file: "b.npy", Self.npy(2)),
        ])
        let form = await problem {
            try await post(body, fields: [(.contentType, boundary), (.accept, "application/x-npy")])
        }
        #expect(form?.slug == "not-acceptable")
        let report = await problem {
            try await post(
                Self.npy(1), query: [.init(name: "validate_only", value: "", isBare: true)],
                fields: [(.contentType, "application/x-npy"), (.accept, "application/x-npy")])
        }
        #expect(report?.slug == "not-acceptable")
        #expect(service.scoring.backlog.metrics.queuedJobs == 0 && service.scoring.backlog.metrics.reservedJobs == 0)
        let any = try await post(body, fields: [(.contentType, boundary), (.accept, "application/*")])
        #expect(any.status == .accepted)
    }

    @Test("a callback is refused where callbacks are off, before the body is read")
    func callbacksOff() async throws {
        let query = [QueryItems.Item(name: "callback", value: "https://hooks.example.com/")]
        let problem = await problem { try await post([], query: query) }
        #expect(problem?.slug == "invalid-parameter" && problem?.detail.contains("--callback-hosts") == true)
    }

    @Test("the field Vigil-Deadline is the parameter deadline, given once")
    func deadlineField() async throws {
        let fields: [(name: HTTPField.Name, value: String)] = [(.contentType, "application/x-npy"), (.deadline, "30")]
        let answer = try await post(Self.npy(1), fields: fields)
        #expect(answer.text.contains(#""deadline":"2026-01-01T00:00:30.000Z""#))
        let twice = await problem {
            try await post(Self.npy(1), query: [.init(name: "deadline", value: "30")], fields: fields)
        }
        #expect(twice?.slug == "invalid-parameter")
    }
}

extension Response {
    fileprivate var text: String {
        if case .bytes(let bytes) = body { String(decoding: bytes, as: UTF8.self) } else { "" }
    }
}
