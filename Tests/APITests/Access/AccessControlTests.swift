import Foundation
import HTTP
import HTTPTypes
import Platform
import Testing

@testable import API

@Suite("who may come in")
struct AccessControlTests {
    private static let peer = SocketAddress(host: "192.0.2.1", port: 5)

    private func head(_ path: String, authorization: [String] = []) -> RequestHead {
        RequestHead(
            method: .get, path: path,
            fields: HeaderFields(authorization.map { (name: .authorization, value: $0) }))
    }

    private func keys() throws -> APIKeyFile {
        let path = FileManager.default.temporaryDirectory.appending(path: "vigil-keys-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let text = APIKeysTests.line("alice", "one", " role=admin") + APIKeysTests.line("bob", "two")
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return try APIKeyFile(path: path)
    }

    @Test("without keys and limit everyone comes in")
    func open() throws {
        let access = AccessControl(keys: nil, limiter: nil)
        for path in ["/score", "/jobs", "/none", "/livez"] {
            let admission = try access.gate(head(path), Self.peer)
            #expect(admission.client == .address("192.0.2.1") && admission.fields == [:])
            guard case .admitted = admission.verdict else {
                Issue.record("\(path): \(admission.verdict)")
                continue
            }
        }
    }

    @Test("what is served to all is changed by admins, and without keys from this machine alone")
    func models() throws {
        let here = SocketAddress(host: "127.0.0.1", port: 5)
        func slug(_ access: AccessControl, _ path: String, _ peer: SocketAddress, key: String? = nil) throws -> String?
        {
            let fields = key.map { [(name: HTTPField.Name.authorization, value: "Bearer \($0)")] } ?? []
            let head = RequestHead(method: .post, path: path, fields: HeaderFields(fields))
            switch try access.admit(head, from: peer).verdict {
            case .refused(let problem), .refusedAtOnce(let problem): return problem.slug
            default: return nil
            }
        }
        let (open, closed) = (AccessControl(keys: nil, limiter: nil), AccessControl(keys: try keys(), limiter: nil))
        for path in ["/v1/models/a/load", "/v1/models/a/unload", "/v2/repository/models/a/load"] {
            #expect(try slug(open, path, here) == nil && slug(open, path, Self.peer) == "only-from-here", "\(path)")
            #expect(try slug(closed, path, Self.peer, key: "one") == nil, "\(path)")
            #expect(try slug(closed, path, here, key: "two") == "role-forbids", "\(path)")
        }
        #expect(try slug(open, "/score", Self.peer) == nil && slug(closed, "/score", Self.peer, key: "two") == nil)
    }

    @Test("details of health are for who has a key that sees all")
    func details() throws {
        let access = AccessControl(keys: try keys(), limiter: nil)
        let here = SocketAddress(host: "127.0.0.1", port: 5)
        for path in ["/livez", "/readyz", "/healthz"] {
            #expect(try access.admit(head(path, authorization: ["Bearer one"]), from: Self.peer).seesDetails)
            #expect(try !access.admit(head(path, authorization: ["Bearer two"]), from: here).seesDetails)
            #expect(try !access.admit(head(path), from: here).seesDetails)
            #expect(try !access.admit(head(path, authorization: ["Bearer three"]), from: here).seesDetails)
        }
    }

    @Test("what the server tells of itself has them for who has a key, and without keys for this machine")
    func detailsOfServer() throws {
        let here = SocketAddress(host: "127.0.0.1", port: 5)
        let open = AccessControl(keys: nil, limiter: nil)
        #expect(try open.admit(head("/v1/server"), from: here).seesDetails)
        #expect(try !open.admit(head("/v1/server"), from: Self.peer).seesDetails)
        let closed = AccessControl(keys: try keys(), limiter: nil)
        #expect(try closed.admit(head("/v1/server", authorization: ["Bearer one"]), from: Self.peer).seesDetails)
        #expect(throws: HTTPProblem.self) { try closed.admit(head("/v1/server"), from: here) }
    }

    @Test("without keys they are for this machine, and not for a page in its browser")
    func detailsWithoutKeys() throws {
        let access = AccessControl(keys: nil, limiter: nil)
        func sees(_ peer: String, _ fields: [(name: HTTPField.Name, value: String)] = []) throws -> Bool {
            let head = RequestHead(method: .get, path: "/readyz", fields: HeaderFields(fields))
            let peer = peer == "unix" ? SocketAddress.unix : SocketAddress(host: peer, port: 5)
            return try access.admit(head, from: peer).seesDetails
        }
        #expect(try sees("127.0.0.1") && sees("::1") && sees("unix"))
        #expect(try sees("127.0.0.1", [(.hostField, "localhost:8080")]) && sees("unix", [(.hostField, "x")]))
        #expect(try !sees("192.0.2.1") && !sees("unknown"))
        #expect(try !sees("127.0.0.1", [(.hostField, "evil.example")]))
        for name in ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"] {
            let field = try #require(HTTPField.Name(name))
            #expect(try !sees("127.0.0.1", [(field, "192.0.2.1")]) && !sees("unix", [(field, "192.0.2.1")]))
        }
        #expect(try !sees("127.0.0.1", [(.hostField, "localhost"), (.origin, "http://evil.example")]))
        #expect(try !sees("127.0.0.1", [(.hostField, "localhost"), (.secFetchSite, "cross-site")]))
        #expect(try sees("127.0.0.1", [(.hostField, "localhost"), (.origin, "http://localhost")]))
    }

    @Test("what the types of problems lead to needs no key, and counts")
    func explanations() throws {
        let access = AccessControl(keys: try keys(), limiter: RateLimiter(RateLimit(perSecond: 1, burst: 2)) { 0 })
        for path in ["/problems", "/problems/unauthorized"] {
            #expect(try access.admit(head(path), from: Self.peer).client == .address("192.0.2.1"))
        }
        guard case .refusedAtOnce = try access.admit(head("/problems"), from: Self.peer).verdict else {
            Issue.record("more than the rate was let in")
            return
        }
        let more = AccessControl(keys: try keys(), limiter: nil)
        #expect(throws: HTTPProblem.self) { try more.admit(head("/problemsx"), from: Self.peer) }
    }

    @Test("a key's bearer comes in under its name", arguments: ["Bearer one", "bearer one", "BEARER   one"])
    func bearer(value: String) throws {
        let access = AccessControl(keys: try keys(), limiter: nil)
        #expect(try access.admit(head("/jobs", authorization: [value]), from: Self.peer).client == .key("alice"))
    }

    @Test(
        "everyone else is asked for a key, or told that it is none",
        arguments: [
            ([], "Bearer"), ([""], "Bearer"), (["one"], "Bearer"), (["Basic one"], "Bearer"), (["Bearer"], "Bearer"),
            (["Bearer three"], "Bearer error=\"invalid_token\""),
            (["Bearer one two"], "Bearer error=\"invalid_token\""),
            (["Bearer one", "Bearer two"], "Bearer error=\"invalid_token\""),
        ])
    func refused(values: [String], challenge: String) throws {
        let access = AccessControl(keys: try keys(), limiter: nil)
        for path in [
            "/score", "/jobs", "/none", "*", "/livez/", "/metrics", "/v1/models", "/v1/server", "/openapi.yaml",
        ] {
            let problem = #expect(throws: HTTPProblem.self) {
                try access.admit(head(path, authorization: values), from: Self.peer)
            }
            #expect(problem?.status == .unauthorized)
            #expect(problem?.fields[.wwwAuthenticate] == challenge)
            #expect(problem?.description.contains("three") == false)
        }
    }

    @Test("health is open to all, as often as they like", arguments: ["/livez", "/readyz", "/healthz"])
    func health(path: String) throws {
        let access = AccessControl(keys: try keys(), limiter: RateLimiter(RateLimit(perSecond: 1, burst: 1)) { 0 })
        for _ in 0..<5 {
            let admission = try access.admit(head(path), from: Self.peer)
            #expect(admission.fields == [:])
            #expect(admission.client == .address("192.0.2.1"))
        }
    }

    @Test("requests count for the key; without a good one for the address, so that guessing is limited too")
    func limits() throws {
        let access = AccessControl(keys: try keys(), limiter: RateLimiter(RateLimit(perSecond: 1, burst: 2)) { 0 })
        func status(_ authorization: String) -> Int {
            do throws(HTTPProblem) {
                let admission = try access.admit(head("/jobs", authorization: [authorization]), from: Self.peer)
                guard case .refusedAtOnce(let problem) = admission.verdict else { return 200 }
                // The access log names who was refused.
                #expect(admission.client == (authorization == "Bearer one" ? .key("alice") : .address("192.0.2.1")))
                return problem.status.code
            } catch {
                return error.status.code
            }
        }
        #expect((0..<4).map { status("Bearer guess\($0)") } == [401, 401, 429, 429])
        #expect((0..<3).map { _ in status("Bearer one") } == [200, 200, 429])
        #expect(status("Bearer two") == 200)
    }
}
