import Foundation
import HTTPTypes
import Platform
import Testing

@testable import HTTP

@Suite("the gate is asked before the router and the body")
struct GateTests {
    private static let refusal = HTTPProblem(
        status: .unauthorized, slug: "no", title: "No", detail: "No.", fields: [.wwwAuthenticate: "Bearer"])

    private func gated() -> StateHarness {
        StateHarness(gate: { head, _ throws(HTTPProblem) in
            guard head.fields[.authorization] == "yes" else { throw Self.refusal }
            return Admission(client: .key("alice"), fields: [.location: "/fields", .contentType: "not/this"])
        })
    }

    @Test(
        "every path and method is behind it, known or not",
        arguments: ["GET /", "GET /none", "DELETE /", "OPTIONS *", "OPTIONS /", "HEAD /", "GET /later"])
    func everything(line: String) {
        let connection = gated()
        connection.feed("\(line) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(connection.statuses == [401])
        #expect(connection.sent.contains("\r\nWWW-Authenticate: Bearer\r\n"))
        #expect(connection.calls.isEmpty)
    }

    @Test("a refusal comes before the body, and the connection goes on after a short one")
    func beforeTheBody() {
        let connection = gated()
        connection.feed("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
        #expect(connection.statuses == [401])
        connection.feed("abcdeGET / HTTP/1.1\r\nHost: a\r\nAuthorization: yes\r\n\r\n")
        #expect(connection.statuses == [401, 200])
    }

    @Test("a client that expects 100 gets the refusal in its place, and the connection ends (rule 14)")
    func expectation() {
        let connection = gated()
        connection.feed("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        #expect(connection.statuses == [401])
        #expect(!connection.sent.contains(" 100 "))
        #expect(connection.sent.contains("\r\nConnection: close\r\n"))
    }

    @Test("who is let in is known to the handler, and the answer has the gate's fields where it has none of its own")
    func admission() {
        let connection = gated()
        connection.feed("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: yes\r\n\r\n")
        #expect(connection.calls.first?.exchange?.admission?.client == .key("alice"))
        #expect(connection.sent.contains("\r\nLocation: /fields\r\n") && !connection.sent.contains("not/this"))
        connection.feed("GET /none HTTP/1.1\r\nHost: a\r\nAuthorization: yes\r\n\r\n")
        #expect(connection.sent.components(separatedBy: "/fields").count == 3)
    }

    @Test("a gate may answer itself, and refuse once the body has passed")
    func verdicts() {
        let connection = StateHarness(gate: { head, _ throws(HTTPProblem) in
            let answer = Response(status: .noContent, fields: [.location: "/gate"])
            return Admission(
                client: .key("a"), fields: [.vary: "Origin"],
                verdict: head.path == "/" ? .answered(answer) : .refused(Self.refusal))
        })
        connection.feed("OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(connection.statuses == [204])
        #expect(connection.sent.contains("\r\nLocation: /gate\r\n") && connection.sent.contains("\r\nVary: Origin\r\n"))
        connection.feed("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
        #expect(connection.statuses == [204])
        connection.feed("abc")
        #expect(connection.statuses == [204, 401] && connection.calls.isEmpty)
        #expect(connection.sent.contains("\r\nWWW-Authenticate: Bearer\r\n"))
        connection.feed("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        #expect(connection.statuses == [204, 401, 400])
    }

    @Test("neither a body that is too long to be waited for nor one that is held back is read for a refusal")
    func longBodies() {
        for fields in ["Content-Length: 100000000", "Content-Length: 3\r\nExpect: 100-continue"] {
            let connection = StateHarness(gate: { _, _ throws(HTTPProblem) in
                Admission(client: .key("a"), verdict: .refused(Self.refusal))
            })
            connection.feed("POST /count HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n")
            #expect(connection.statuses == [401] && connection.calls.isEmpty)
            #expect(!connection.sent.contains(" 100 "))
        }
    }

    @Test("what the gate knows of the client reaches the handler")
    func details() {
        for seesDetails in [false, true] {
            let connection = StateHarness(gate: { _, _ throws(HTTPProblem) in
                Admission(client: .key("a"), seesDetails: seesDetails)
            })
            connection.feed("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(connection.calls.map(\.exchange?.admission?.seesDetails) == [seesDetails])
        }
    }

    @Test("the gate sees the name that the client takes the server for: of the absolute form, else of Host")
    func authorities() {
        let connection = StateHarness(gate: { head, _ throws(HTTPProblem) in
            Admission(client: .key("a"), fields: [.location: head.authority ?? "none"])
        })
        connection.feed("GET / HTTP/1.1\r\nHost: a:80\r\n\r\nGET http://b:81/ HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.feed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        let places = connection.sent.components(separatedBy: "\r\nLocation: ").dropFirst().map {
            $0.prefix { $0 != "\r\n" }
        }
        #expect(places == ["a:80", "b:81", "none"])
    }

    @Test(
        "an address stands for its subscriber",
        arguments: [
            ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"), ("::1", "::/64"), ("unknown", "unknown"),
            ("fe80::1%eth0", "fe80::1%eth0"),
        ])
    func subscribers(host: String, client: String) {
        #expect(ClientIdentity(SocketAddress(host: host, port: 1)) == .address(client))
    }
}
