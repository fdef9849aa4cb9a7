import HTTP
import HTTPTypes
import Platform
import Testing

@testable import API

@Suite("what pages of other sites may do")
struct OriginRulesTests {
    private static let peer = SocketAddress(host: "127.0.0.1", port: 5)

    private func head(
        _ method: HTTPRequest.Method = .post, host: String? = "localhost:8080", origin: String? = nil,
        _ more: [(name: HTTPField.Name, value: String)] = []
    ) -> RequestHead {
        let named: [(name: HTTPField.Name, value: String)] =
            (host.map { [(.hostField, $0)] } ?? []) + (origin.map { [(.origin, $0)] } ?? [])
        return RequestHead(method: method, path: "/score", fields: HeaderFields(named + more))
    }

    private func slug(_ rules: OriginRules, _ head: RequestHead) throws -> String? {
        let admission = try AccessControl(keys: nil, limiter: nil, origins: rules).admit(head, from: Self.peer)
        if case .refused(let problem) = admission.verdict { return problem.slug }
        return nil
    }

    @Test(
        "its own may send",
        arguments: [
            ("localhost:8080", "http://localhost:8080"), ("LOCALHOST:8080", "http://localhost:8080"),
            ("a.example", "http://a.example"), ("a.example", "https://a.example"), ("a.example:80", "http://a.example"),
            ("a.example:443", "https://a.example"), ("[::1]:8080", "http://[::1]:8080"),
        ])
    func own(host: String, origin: String) throws {
        #expect(try slug(.none, head(host: host, origin: origin)) == nil)
    }

    @Test(
        "others may not",
        arguments: [
            "https://evil.example", "null", "http://localhost", "http://localhost:1", "http://127.0.0.1:8080",
            "http://evil.example:8080", "ftp://localhost:8080", "localhost:8080", "", "http://",
            "http://localhost:8080/",
            "http://localhost:8080, http://localhost:8080", "http://localhost:8080@evil.example", "file://",
            "HTTP\u{17F}://localhost:8080",
        ])
    func others(origin: String) throws {
        for method in [HTTPRequest.Method.post, .delete, .put, .patch] {
            #expect(try slug(.none, head(method, origin: origin)) == "origin-not-allowed")
        }
        for method in [HTTPRequest.Method.get, .head, .options] {
            #expect(try slug(.none, head(method, origin: origin)) == nil)
        }
    }

    @Test("without Origin what the browser says of the site counts; who says neither is no page")
    func site() throws {
        for site in ["same-origin", "none"] { #expect(try slug(.none, head([(.secFetchSite, site)])) == nil) }
        #expect(try slug(.none, head([(.secFetchSite, "cross-site")])) == "origin-not-allowed")
        #expect(try slug(.none, head([(.secFetchSite, "same-site")])) == "origin-not-allowed")
        #expect(try slug(.none, head()) == nil)
        #expect(try slug(.none, head(host: nil, origin: "http://a.example")) == "origin-not-allowed")
    }

    private func head(_ more: [(name: HTTPField.Name, value: String)]) -> RequestHead { head(.post, more) }

    @Test("where the server speaks TLS its own pages are https")
    func secure() throws {
        let rules = try OriginRules(isSecure: true)
        #expect(try slug(rules, head(host: "a.example", origin: "https://a.example")) == nil)
        #expect(try slug(rules, head(host: "a.example", origin: "http://a.example")) == "origin-not-allowed")
    }

    @Test("those that are named may, and read what they get")
    func allowed() throws {
        let rules = try OriginRules(["https://app.example", "http://localhost:3000", "https://*.inner.example"])
        for origin in [
            "https://app.example", "https://app.example:443", "http://localhost:3000", "https://a.inner.example",
        ] {
            let head = head(origin: origin)
            let admission = try AccessControl(keys: nil, limiter: nil, origins: rules).admit(head, from: Self.peer)
            #expect(try slug(rules, head) == nil)
            #expect(admission.fields[.accessControlAllowOrigin] == origin && admission.fields[.vary] == "Origin")
            #expect(admission.fields[.accessControlAllowCredentials] == nil)
        }
        for origin in [
            "http://app.example", "https://app.example:1", "https://inner.example", "http://a.inner.example", "null",
            "https://xapp.example", "http://localhost:3001",
        ] {
            #expect(try slug(rules, head(origin: origin)) == "origin-not-allowed", "\(origin)")
            #expect(rules.fields(for: head(origin: origin)) == [.vary: "Origin"])
        }
        #expect(rules.fields(for: head()) == [.vary: "Origin"])
        #expect(OriginRules.none.fields(for: head(origin: "https://app.example")) == nil)
    }

    @Test("any of them")
    func any() throws {
        let rules = try OriginRules(["*"])
        for origin in ["https://evil.example", "null"] {
            #expect(try slug(rules, head(origin: origin)) == nil)
            #expect(rules.fields(for: head(origin: origin))?[.accessControlAllowOrigin] == "*")
        }
        #expect(try slug(rules, head([(.secFetchSite, "cross-site")])) == nil)
    }

    @Test("a preflight is answered before a key is asked for; a refusal can be read by the page")
    func preflight() throws {
        let access = AccessControl(
            keys: nil, limiter: RateLimiter(RateLimit(perSecond: 1, burst: 1)) { 0 },
            origins: try OriginRules(["https://app.example"]))
        func ask(_ origin: String, _ method: HTTPRequest.Method = .options) throws -> Admission {
            try access.admit(
                head(
                    method, origin: origin,
                    [
                        (.accessControlRequestMethod, "POST"),
                        (.accessControlRequestHeaders, "authorization, x-a,b\u{e9}, c:d"),
                    ]), from: Self.peer)
        }
        for _ in 0..<3 {
            guard case .answered(let answer) = try ask("https://app.example").verdict else {
                Issue.record("no answer")
                return
            }
            #expect(answer.status == .noContent)
            #expect(answer.fields[.accessControlAllowMethods]?.contains("DELETE") == true)
            #expect(answer.fields[.accessControlAllowHeaders] == "authorization, x-a")
            #expect(answer.fields[.accessControlMaxAge] == "7200")
        }
        guard case .admitted = try ask("https://other.example").verdict else {
            Issue.record("a preflight of another origin was answered")
            return
        }
        let admission = try ask("https://app.example", .get)
        guard case .refusedAtOnce(let problem) = admission.verdict else {
            Issue.record("more than the rate was let in")
            return
        }
        #expect(problem.status == .tooManyRequests)
        // Whatever the answer is, it has the fields of the admission.
        #expect(admission.fields[.accessControlAllowOrigin] == "https://app.example")
        #expect(admission.fields[.accessControlExposeHeaders]?.contains("Retry-After") == true)
    }

    @Test(
        "what is no origin is refused",
        arguments: [
            "", "app.example", "https://", "https://app.example/", "ftp://a", "null", "https://*", "https://a b",
        ])
    func refused(text: String) {
        let error = #expect(throws: AccessRuleError.self) { try OriginRules([text]) }
        #expect(error?.description.contains("'\(text)'") == true)
    }
}
