import Formats
import HTTP
import HTTPTypes
import Jobs
import Testing

@testable import API

@Suite("Readers beside a DELETE", .timeLimit(.minutes(10)))
struct DeletionTests {
    let crowd: CrowdService

    init() throws { crowd = try CrowdService() }

    private var store: WatchedStore { crowd.store }

    @Test(
        "a result that goes between the look at its job and the look at it is unknown",
        arguments: ["application/json", "application/x-npy"])
    func resultGoes(form: String) async throws {
        let job = try await crowd.finished(rows: 61)
        store.beforeReading { [store] id in _ = try? await store.forget(id) }
        let problem = await crowd.problem(job, accept: form)
        #expect(problem?.status == .notFound && problem?.slug == "unknown-job")
    }

    /// The last event of a stream that ended as streams do.
    private func end(_ sink: EventSink, id: String) throws -> APIDescription.Node {
        #expect(sink.text.hasSuffix("\n\n"))
        let events = sink.events
        #expect(events.count { $0.name == "end" } == 1)
        let end = try #require(events.last)
        #expect(end.name == "end" && end.id == id)
        return end.document
    }

    private func errorType(_ document: APIDescription.Node) -> String? {
        (document["error"] as? APIDescription.Node)?["type"] as? String
    }

    @Test("a stream whose job is deleted before its scores are told ends, and not as one that told all")
    func streamOfDeleted() async throws {
        let job = try await crowd.finished(rows: 61)
        store.beforeReading { [store] id in _ = try? await store.forget(id) }
        let sink = EventSink()
        try await crowd.running.stream(job, after: "3", into: sink)
        let document = try end(sink, id: "3.end")
        #expect(document["status"] as? String == "cancelled")
        #expect(errorType(document) == "/problems/unknown-job")
    }

    @Test("so does one whose job expires, and one whose job has gone before its first look", arguments: [false, true])
    func streamOfExpired(isEarly: Bool) async throws {
        let job = try await crowd.finished(rows: 61)
        let response = try await crowd.running.answer(job.id.description)
        guard case .stream(nil, let produce) = response.body else {
            Issue.record("no stream")
            return
        }
        let lose: @Sendable (JobID) async -> Void = { [crowd] _ in
            crowd.clock.advance(by: .seconds(100_000))
            _ = try? await crowd.store.expire()
        }
        if isEarly { await lose(job.id) } else { store.beforeReading(lose) }
        let sink = EventSink()
        try await produce(sink.writer)
        let document = try end(sink, id: "0.end")
        #expect(document["status"] as? String == "cancelled")
        #expect(errorType(document) == "/problems/unknown-job")
    }

    @Test("one that has told all the scores ends as its job did")
    func allTold() async throws {
        let job = try await crowd.finished(rows: 61)
        let response = try await crowd.running.answer(job.id.description, after: "8")
        guard case .stream(nil, let produce) = response.body else {
            Issue.record("no stream")
            return
        }
        _ = try await store.forget(job.id)
        let sink = EventSink()
        try await produce(sink.writer)
        let document = try end(sink, id: "8.end")
        #expect(document["status"] as? String == "succeeded" && errorType(document) == nil)
    }

    @Test("a queued job that is cancelled and deleted at once ends its streams as cancelled")
    func cancelledAndForgotten() async throws {
        let job = try await crowd.running.submit(rows: 61)
        let sink = EventSink()
        async let streamed: Void = crowd.running.stream(job, into: sink)
        await sink.waitFor("\"queued\"")
        // Not by the backlog, as where another process does it: the stream hears nothing but that it is gone.
        _ = try await store.cancel(job.id)
        _ = try await store.forget(job.id)
        try await ChangePoll(of: crowd.service.scoring.backlog).runOnce()
        try await streamed
        #expect(try end(sink, id: "0.end")["status"] as? String == "cancelled")
    }
}

@Suite("No answer tells where the server's files are")
struct PathTests {
    private static let path = "/srv/vigil/files/01JD.7.out"

    private static let errors: [JobStoreError] =
        [
            .unavailable("\(path) can't be written: Input/output error"),
            .diskFull("\(path): No space left on device"),
        ] + damaged

    private static let damaged: [JobStoreError] =
        JobID("01M85BV3QAE4RGA8GVVP3465ME").map {
            [.damaged($0, "\(path) can't be opened")]
        } ?? []

    @Test("the store's troubles are told by kind and left to the log in full", arguments: errors)
    func store(error: JobStoreError) throws {
        for problem in [Problem.store(error), Problem.submit(.store(error))] {
            guard case .bytes(let bytes) = Problem.render(problem, requestID: "r").body else { return }
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(!text.contains("/srv") && !text.contains("01JD.7"), "\(text)")
            #expect(problem.cause?.contains(Self.path) == true)
        }
        #expect(error.description.contains(Self.path))
    }

    @Test("a job that failed because of what was stored does not tell either, though it was noted by an older Vigil")
    func job() async throws {
        let crowd = try CrowdService()
        let job = try await crowd.running.submit(rows: 9)
        let claimed = try #require(try await crowd.store.claim(limit: 1).first)
        let failure = JobFailure(reason: "damaged-job", detail: "\(Self.path) has 3 bytes, not 4")
        _ = try await crowd.store.complete(claimed.token, with: .failed(failure), timings: nil)
        let text = try await CrowdService.body(crowd.get(job))
        #expect(text.contains("damaged-job") && text.contains("\(job.id)") && !text.contains("/srv"), "\(text)")
        let events = try await crowd.running.events(job)
        #expect(events.last?.name == "end" && !events.contains { $0.data.contains("/srv") })
    }

    @Test("a stream that can't go on tells nothing of it")
    func stream() async throws {
        let crowd = try CrowdService()
        let job = try await crowd.finished(rows: 9)
        crowd.store.fail(try #require(Self.damaged.first))
        let sink = EventSink()
        await #expect(throws: HTTPProblem.self) { try await crowd.running.stream(job, into: sink) }
        #expect(!sink.text.contains("/srv"))
    }
}
