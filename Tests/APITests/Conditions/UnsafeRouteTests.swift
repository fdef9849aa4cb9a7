import HTTPTypes
import Testing

@testable import API
@testable import HTTP

@Suite("Requests that would change something are held to their preconditions, whatever they are for")
struct UnsafeRouteTests {
    typealias Field = (name: HTTPField.Name, value: String)

    let router: Router

    init() throws { router = try EventService().service.router() }

    /// The status of a refusal by the router; nil where a handler is asked.
    private func refusal(_ method: HTTPRequest.Method, _ path: String, _ field: Field) -> Int? {
        let head = RequestHead(method: method, path: path, fields: HeaderFields([field]))
        guard case .refused(let problem, _) = router.resolve(head) else { return nil }
        return problem.status.code
    }

    /// Each route of an unsafe method, with something in the place of names.
    private var unsafe: [(method: HTTPRequest.Method, path: String)] {
        router.descriptions.filter { OriginRules.isUnsafe($0.method) }
            .map {
                ($0.method, $0.pattern.replacingOccurrences(of: "{", with: "").replacingOccurrences(of: "}", with: ""))
            }
    }

    /// Those whose handlers know tags; ConditionalRequestTests and VerdictTests hold them to theirs.
    private static let judging = ["DELETE /jobs/id", "DELETE /batches/id", "PUT /jobs/id/verdicts"]

    @Test("each route refuses what does not hold, or can't be read, before its handler is asked")
    func refused() throws {
        #expect(unsafe.count > 12)
        for (method, path) in unsafe {
            let name = "\(method.rawValue) \(path)"
            for field in [
                (.ifMatch, "\"nope\""), (.ifMatch, "W/\"nope\""), (.ifMatch, "nope"), (.ifNoneMatch, "\"a\",*"),
                (.ifNoneMatch, "nope"), (.ifNoneMatch, "\"a\" \"b\""), (.ifNoneMatch, "\"a"),
            ] as [Field] {
                #expect((refusal(method, path, field) == 412) != Self.judging.contains(name), "\(name) \(field)")
            }
            #expect(refusal(method, path, (.ifNoneMatch, "\"nope\", W/\"b\"")) == nil, "\(name)")
        }
    }

    @Test("* matches what can be read, and nothing where there is nothing such")
    func any() {
        #expect(refusal(.delete, "/session", (.ifMatch, "*")) == nil)
        #expect(refusal(.delete, "/session", (.ifNoneMatch, "*")) == 412)
        #expect(refusal(.post, "/session", (.ifNoneMatch, "*")) == 412)
        for path in ["/score", "/jobs/id/again", "/v1/models/a/load", "/v2/models/a/infer"] {
            #expect(refusal(.post, path, (.ifMatch, "*")) == 412)
            #expect(refusal(.post, path, (.ifNoneMatch, "*")) == nil)
        }
    }

    @Test("what is refused so is told of by its route")
    func pattern() {
        let head = RequestHead(
            method: .post, path: "/v1/models/a/load", fields: HeaderFields([(.ifMatch, "\"a\"")] as [Field]))
        #expect(router.pattern(of: head) == "/v1/models/{name}/load")
    }

    @Test("a tag beside what is none does not let a job be deleted either")
    func unreadable() {
        let tags = [EntityTag("a")]
        for method in [HTTPRequest.Method.delete, .put, .post] {
            for field in [
                (.ifMatch, "\"a\", nope"), (.ifNoneMatch, "\"b\",*"), (.ifNoneMatch, "nope"), (.ifMatch, "*, \"a\""),
            ] as [Field] {
                #expect(Preconditions(HeaderFields([field])).outcome(of: method, on: tags) == .failed, "\(field)")
            }
            for field in [
                (.ifMatch, "\"b\" , \"a\""), (.ifMatch, ",, \"a\","), (.ifNoneMatch, "\"b\", \"c\""),
                (.ifNoneMatch, ""),
            ] as [Field] {
                #expect(Preconditions(HeaderFields([field])).outcome(of: method, on: tags) == .met, "\(field)")
            }
        }
        #expect(Preconditions(HeaderFields([(.ifNoneMatch, "nope")] as [Field])).outcome(of: .get, on: tags) == .met)
    }

    @Test(
        "what is JSON alone is not to be had in another form",
        arguments: ["/v1/models", "/v1/server"], [("application/x-npy", 406), ("application/json", 200), ("*/*", 200)])
    func forms(path: String, form: (accept: String, status: Int)) async throws {
        let head = RequestHead(method: .get, path: path, fields: HeaderFields([(.accept, form.accept)] as [Field]))
        guard case .route(let route, let parameters) = router.resolve(head), case .deferred(let handler) = route.handler
        else { throw CancellationError() }
        var status = 0
        do { status = try await handler(Request(head: head, pathParameters: parameters)).status.code } catch {
            status = HTTPProblem(handlerError: error).status.code
        }
        #expect(status == form.status)
    }
}
