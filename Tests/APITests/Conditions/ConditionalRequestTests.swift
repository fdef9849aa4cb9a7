import Formats
import HTTPTypes
import Jobs
import Testing

@testable import API
@testable import HTTP

@Suite("Conditional requests", .timeLimit(.minutes(10)))
struct ConditionalRequestTests {
    typealias Field = (name: HTTPField.Name, value: String)

    let running: EventService

    init() throws { running = try EventService() }

    private var service: VigilService { running.service }

    /// What the router's handler answers, problems as they are rendered.
    private func ask(_ method: HTTPRequest.Method, _ path: String, _ fields: Field...) async throws -> Response {
        let head = RequestHead(method: method, path: path, fields: HeaderFields(fields))
        let resolution = service.router().resolve(head)
        if case .refused(let problem, _) = resolution { return VigilService.render(problem, requestID: "test") }
        guard case .route(let route, let parameters) = resolution, case .deferred(let handler) = route.handler
        else { throw CancellationError() }
        do {
            return try await handler(Request(head: head, pathParameters: parameters))
        } catch let problem as HTTPProblem {
            return VigilService.render(problem, requestID: "test")
        }
    }

    private func tag(_ path: String, _ fields: Field...) async throws -> String {
        let head = RequestHead(method: .get, path: path, fields: HeaderFields(fields))
        guard case .route(let route, let parameters) = service.router().resolve(head),
            case .deferred(let handler) = route.handler
        else { throw CancellationError() }
        return try #require(try await handler(Request(head: head, pathParameters: parameters)).fields[.eTag])
    }

    private func problem(of response: Response) -> String {
        guard case .bytes(let bytes) = response.body else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(
        "a DELETE whose precondition fails is not performed",
        arguments: [
            (.ifMatch, "\"nope\""), (.ifMatch, "W/\"nope\""), (.ifNoneMatch, "*"), (.ifMatch, "none"),
        ] as [Field])
    func failedDelete(field: Field) async throws {
        let job = try await running.submit(rows: 5)
        let answer = try await ask(.delete, "/jobs/\(job.id)", field)
        #expect(answer.status.code == 412)
        #expect(problem(of: answer).contains("/problems/precondition-failed"))
        #expect(try await service.scoring.backlog.job(job.id)?.status == .queued)
    }

    @Test("one whose precondition holds is", arguments: [(.ifMatch, "*"), (.ifNoneMatch, "\"nope\"")] as [Field])
    func metDelete(field: Field) async throws {
        let job = try await running.submit(rows: 5)
        #expect(try await ask(.delete, "/jobs/\(job.id)", field).status == .ok)
        #expect(try await service.scoring.backlog.job(job.id)?.status == .cancelled)
    }

    @Test("If-None-Match with a job's tag keeps it from being cancelled")
    func sameTag() async throws {
        let job = try await running.submit(rows: 5)
        let tag = try await tag("/jobs/\(job.id)")
        #expect(try await ask(.delete, "/jobs/\(job.id)", (.ifNoneMatch, tag)).status.code == 412)
        #expect(try await service.scoring.backlog.job(job.id)?.status == .queued)
    }

    @Test("what is unknown is 404, whatever the precondition")
    func unknown() async throws {
        for path in ["/jobs/01M85BV3QAE4RGA8GVVP3465ME", "/batches/01M85BV3QAE4RGA8GVVP3465ME"] {
            #expect(try await ask(.delete, path, (.ifMatch, "*")).status == .notFound)
            #expect(try await ask(.get, path, (.ifNoneMatch, "*")).status == .notFound)
        }
    }

    @Test("a job that has ended has a strong tag, by which it can be forgotten")
    func ended() async throws {
        try service.scoring.start()
        let job = try await running.finished(rows: 20)
        let path = "/jobs/\(job.id)"
        let tag = try await tag(path)
        #expect(tag.utf8.first == UInt8(ascii: "\""))
        let array = try await self.tag(path, (.accept, "application/x-npy"))
        #expect(array != tag)
        #expect(try await ask(.get, path, (.ifMatch, tag)).status == .ok)
        #expect(try await ask(.get, path, (.ifMatch, tag), (.ifNoneMatch, tag)).status == .notModified)
        #expect(try await ask(.get, path, (.ifMatch, "\"nope\""), (.ifNoneMatch, tag)).status.code == 412)
        #expect(try await ask(.get, path, (.ifMatch, "W/\(tag)")).status.code == 412)
        #expect(try await ask(.delete, path, (.ifMatch, "W/\(tag)")).status.code == 412)
        #expect(try await ask(.get, path).status == .ok)
        #expect(try await ask(.delete, path, (.ifMatch, "\"a\", \(array)")).status == .noContent)
        #expect(try await ask(.get, path).status == .notFound)
    }

    @Test("a form that is not to be had is 406, whatever the client has")
    func notAcceptable() async throws {
        let job = try await running.submit(rows: 5)
        let answer = try await ask(
            .get, "/jobs/\(job.id)", (.accept, "application/x-npy"), (.ifNoneMatch, "*"))
        #expect(answer.status == .notAcceptable)
    }

    @Test("batches have preconditions too")
    func batches() async throws {
        let job = try await running.submitBatch(rows: [5, 9])
        let path = "/batches/\(job)"
        #expect(try await ask(.delete, path, (.ifMatch, "\"nope\"")).status.code == 412)
        #expect(try await ask(.delete, path, (.ifNoneMatch, "*")).status.code == 412)
        #expect(try await ask(.get, path, (.ifMatch, "\"nope\"")).status.code == 412)
        #expect(try await ask(.get, path, (.ifNoneMatch, "*")).status == .notModified)
        #expect(try await service.scoring.backlog.batch(job)?.jobs.map(\.status) == [.queued, .queued])
        #expect(try await ask(.delete, path, (.ifMatch, "*")).status == .ok)
        let tag = try await tag(path)
        #expect(tag.utf8.first == UInt8(ascii: "\""))
        #expect(try await ask(.delete, path, (.ifMatch, tag)).status == .noContent)
    }

    @Test("nothing is queued that was to match what is not there")
    func submission() async throws {
        let answer = try await ask(.post, "/score", (.ifMatch, "*"), (.contentType, "application/x-npy"))
        #expect(answer.status.code == 412)
    }

    @Test("what has no tag matches * alone")
    func withoutTag() async throws {
        #expect(try await ask(.get, "/v1/models", (.ifMatch, "*")).status == .ok)
        #expect(try await ask(.get, "/v1/models", (.ifMatch, "\"a\"")).status.code == 412)
        #expect(try await ask(.get, "/v1/models", (.ifNoneMatch, "\"a\"")).status == .ok)
        #expect(try await ask(.get, "/v1/models", (.ifNoneMatch, "*")).status == .notModified)
    }
}

@Suite("What is made of a wish to wait", .timeLimit(.minutes(10)))
struct PreferredWaitTests {
    let running: EventService

    init() throws { running = try EventService() }

    @Test(
        "each is told in Preference-Applied",
        arguments: [
            ("wait=0", "wait=0"), ("wait=-1", "wait=0"), ("wait", "wait=0"), ("wait=soon", "wait=0"),
            ("wait=", "wait=0"), ("respond-async", nil), ("", nil),
        ] as [(String, String?)])
    func told(prefer: String, applied: String?) async throws {
        let job = try await running.submit(rows: 5)
        let head = RequestHead(method: .get, path: "/jobs/\(job.id)", fields: HeaderFields([(.prefer, prefer)]))
        let answer = try await running.service.showJob(
            Request(head: head, pathParameters: PathParameters([("id", job.id.description)])))
        #expect(answer.fields[.preferenceApplied] == applied)
    }

    @Test(
        "a submission tells the same, and a report too, which nobody waits for",
        arguments: ["", "?validate_only"], [("wait=soon", "wait=0"), ("wait", "wait=0"), ("wait=0", "wait=0")])
    func submitted(query: String, wish: (String, String)) async throws {
        let items = query.isEmpty ? [] : [QueryItems.Item(name: "validate_only", value: "true")]
        let head = RequestHead(
            method: .post, path: "/score", query: QueryItems(items),
            fields: HeaderFields([(.prefer, wish.0), (.contentType, "application/x-npy")]))
        let features = NPYWriter.encode([Float](repeating: 1, count: 5 * width), rows: 5, columns: width)
        let answer = try await running.service.score(Request(head: head, body: RequestBody(features)))
        #expect(answer.fields[.preferenceApplied] == wish.1)
    }

    private var width: Int { running.service.scoring.models.default.model.configuration.width }

    @Test(
        "what is granted is told, in whole seconds or a part of one, up to the cap",
        arguments: [
            ("wait=1.5", "wait=1.5"), ("wait=300", "wait=300"), ("wait=301", "wait=300"), ("wait=0.25", "wait=0.25"),
            ("wait=99999999999999999999", "wait=300"),
        ])
    func granted(prefer: String, applied: String) async throws {
        try running.service.scoring.start()
        let job = try await running.finished(rows: 5)
        let head = RequestHead(method: .get, path: "/jobs/\(job.id)", fields: HeaderFields([(.prefer, prefer)]))
        let answer = try await running.service.showJob(
            Request(head: head, pathParameters: PathParameters([("id", job.id.description)])))
        #expect(answer.status == .ok && answer.fields[.preferenceApplied] == applied)
    }

    @Test(
        "the parameter takes numbers as other parameters do, and refuses what is none",
        arguments: ["-1", "+1", "1e5", "0x10", "nan", "soon", "1..", "86401"])
    func parameter(text: String) async throws {
        let job = try await running.submit(rows: 5)
        let head = RequestHead(
            method: .get, path: "/jobs/\(job.id)", query: QueryItems([QueryItems.Item(name: "wait", value: text)]))
        let problem = await #expect(throws: HTTPProblem.self) {
            try await running.service.showJob(
                Request(head: head, pathParameters: PathParameters([("id", job.id.description)])))
        }
        #expect(problem?.slug == "invalid-parameter")
    }

    @Test("a parameter without a value is as if it had not been given")
    func emptyParameter() async throws {
        let job = try await running.submit(rows: 5)
        let head = RequestHead(
            method: .get, path: "/jobs/\(job.id)", query: QueryItems([QueryItems.Item(name: "wait", value: "")]))
        let answer = try await running.service.showJob(
            Request(head: head, pathParameters: PathParameters([("id", job.id.description)])))
        #expect(answer.status == .ok)
    }
}
