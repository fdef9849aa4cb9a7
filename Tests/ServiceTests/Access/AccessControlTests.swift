import Foundation
import HTTP
import HTTPTypes
import Testing

@testable import Service

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
        let text = APIKeysTests.line("alice", "one") + APIKeysTests.line("bob", "two")
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return try APIKeyFile(path: path, logger: LogLines().logger)
    }

    @Test("without keys and limit there is no gate")
    func open() {
        #expect(AccessControl(keys: nil, limiter: nil).gate == nil)
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
        for path in ["/score", "/jobs", "/none", "*", "/", "/livez/", "/metrics", "/v1/models", "/openapi.yaml"] {
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
                _ = try access.admit(head("/jobs", authorization: [authorization]), from: Self.peer)
                return 200
            } catch {
                return error.status.code
            }
        }
        #expect((0..<4).map { status("Bearer guess\($0)") } == [401, 401, 429, 429])
        #expect((0..<3).map { _ in status("Bearer one") } == [200, 200, 429])
        #expect(status("Bearer two") == 200)
    }
}
