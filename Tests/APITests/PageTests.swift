import Engine
import Foundation
import HTTP
import HTTPTypes
import Jobs
import Platform
import TestSupport
import Testing
import VadCLIP

@testable import API
@testable import HTTP
@testable import Scoring

@Suite("the web page is handed out as it is, and lets nobody else in")
struct PageTests {
    let service: VigilService

    init() throws {
        let configuration = ModelConfiguration(width: 8, length: 8, layers: 1, window: 4, labels: ["normal", "fire"])
        service = VigilService(
            ScoringService(
                models: ModelRegistry(serving: try Model.synthetic(configuration, kernels: .available[0])),
                backlog: Backlog(store: MemoryJobStore()), workers: 1),
            openAPI: [],
            files: PageFiles([
                ("index.html", Array("<!DOCTYPE html>".utf8)), ("docs.html", Array("docs".utf8)),
                ("app.js", Array("one".utf8)), ("icon.svg", Array("<svg/>".utf8)), ("page.css", Array("two".utf8)),
                ("sample.npy", [0x93]),
            ]))
    }

    private func ask(_ path: String, _ fields: [(name: HTTPField.Name, value: String)] = []) async throws -> Response {
        let head = RequestHead(method: .get, path: path, fields: HeaderFields(fields))
        guard case .route(let route, let parameters) = service.router().resolve(head),
            case .deferred(let handler) = route.handler
        else { throw HTTPProblem.notFound(path) }
        return try await handler(Request(head: head, pathParameters: parameters))
    }

    @Test(
        "each file has its type",
        arguments: [
            ("/", "text/html; charset=utf-8"), ("/docs", "text/html; charset=utf-8"),
            ("/page/app.js", "text/javascript; charset=utf-8"), ("/page/page.css", "text/css; charset=utf-8"),
            ("/page/icon.svg", "image/svg+xml"), ("/page/sample.npy", "application/x-npy"),
        ])
    func types(path: String, type: String) async throws {
        let answer = try await ask(path)
        #expect(answer.status == .ok && answer.fields[.contentType] == type)
        #expect(answer.fields[.cacheControl] == "no-cache")
    }

    @Test("its policy lets it load from this server, ask it and nobody else, and be framed by none")
    func policy() async throws {
        let policy = try #require(try await ask("/").fields[.contentSecurityPolicy])
        for rule in [
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'",
            "frame-ancestors 'none'",
        ] {
            #expect(policy.components(separatedBy: "; ").contains(rule))
        }
        #expect(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains("*"))
    }

    @Test("who has a file, compressed or not, is told so; a tag that is another's gets the file, or 412")
    func tags() async throws {
        let tag = try #require(try await ask("/page/app.js").fields[.eTag])
        #expect(try await ask("/page/page.css").fields[.eTag] != tag)
        for known in [tag, "W/" + tag, "*"] {
            let answer = try await ask("/page/app.js", [(.ifNoneMatch, known)])
            #expect(answer.status == .notModified && answer.fields[.contentType] == nil)
        }
        #expect(try await ask("/page/app.js", [(.ifNoneMatch, "\"other\"")]).status == .ok)
        let problem = await #expect(throws: HTTPProblem.self) {
            try await ask("/page/app.js", [(.ifMatch, "\"other\"")])
        }
        #expect(problem?.status == .preconditionFailed)
    }

    @Test("what is none of its files is 404", arguments: ["/page/none.js", "/page/app.js\u{301}", "/page/.."])
    func unknown(path: String) async throws {
        let problem = await #expect(throws: HTTPProblem.self) { try await ask(path) }
        #expect(problem?.status == .notFound)
    }

    @Test("no key is asked for, and no rate counts", arguments: ["/", "/docs", "/page/app.js"])
    func open(path: String) throws {
        let keys = try GuardedService(["alice"]).keys
        let access = AccessControl(keys: keys, limiter: RateLimiter(RateLimit(perSecond: 1, burst: 1)) { 0 })
        for _ in 0..<5 {
            let admission = try access.admit(
                RequestHead(method: .get, path: path, query: QueryItems(), fields: HeaderFields()),
                from: GuardedService.peer)
            guard case .admitted = admission.verdict else {
                Issue.record("\(path) was not let in")
                continue
            }
            #expect(admission.fields == [:] && !admission.seesDetails && !admission.isTrusted)
        }
    }

    @Test(
        "a name that is not the server's gets no page", arguments: [("vigil.example", true), ("evil.example", false)])
    func hosts(host: String, isLetIn: Bool) throws {
        let access = AccessControl(keys: nil, limiter: nil, hosts: try HostRules(["vigil.example"]))
        let head = RequestHead(
            method: .get, path: "/", query: QueryItems(), version: .http11, fields: HeaderFields(),
            controls: RequestControls(), authority: host)
        if case .admitted = try access.admit(head, from: GuardedService.peer).verdict {
            #expect(isLetIn)
        } else {
            #expect(!isLetIn)
        }
    }
}
