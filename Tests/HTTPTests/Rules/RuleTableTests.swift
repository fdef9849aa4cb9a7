import Foundation
import HTTPTypes
import TestSupport
import Testing

@testable import HTTP

/// The table of what hand-written servers get wrong, row by row and over a socket. Not here: 13 after inflating and 26
/// (compression), 28 (TLS), 30 (keys), and of 23 what needs a process without descriptors (Tests/EndToEnd).
@Suite("rules of HTTP over a socket", .timeLimit(.minutes(10)))
struct RuleTableTests {
    private func expectTable(_ rule: Int, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let examples = RequestExample.of(rule: rule)
        #expect(!examples.isEmpty, sourceLocation: sourceLocation)
        try await RuleServer.run { server in
            for example in examples {
                let text = try await server.ask(example.raw)
                let found = RuleServer.statuses(text)
                #expect(found == example.statuses, "\(example.testDescription)", sourceLocation: sourceLocation)
                #expect(
                    text.contains("Connection: close\r\n") == example.closes, "\(example.testDescription)",
                    sourceLocation: sourceLocation)
            }
        }
    }

    @Test("rule 1: both framings are refused") func rule1() async throws { try await expectTable(1) }
    @Test("rule 2: Content-Length is digits, once or equal") func rule2() async throws { try await expectTable(2) }
    @Test("rule 3: Transfer-Encoding is chunked, last and once") func rule3() async throws { try await expectTable(3) }
    @Test("rule 4: chunk sizes are hexadecimal digits") func rule4() async throws { try await expectTable(4) }
    @Test("rule 5: extensions and trailers are checked and dropped") func rule5() async throws {
        try await expectTable(5)
    }
    @Test("rule 6: names are tokens, values have no control characters") func rule6() async throws {
        try await expectTable(6)
    }
    @Test("rule 7: lines end with CR LF, and one empty line may come first") func rule7() async throws {
        try await expectTable(7)
    }
    @Test("rule 8: a request line has three parts and a known version") func rule8() async throws {
        try await expectTable(8)
    }
    @Test("rule 9: Host is there once and is a host") func rule9() async throws { try await expectTable(9) }
    @Test("rule 10: each method takes its target forms") func rule10() async throws { try await expectTable(10) }
    @Test("rule 11: percent-encoding is whole, and no path leads outside") func rule11() async throws {
        try await expectTable(11)
    }

    @Test("rule 12: targets and header sections have their limits")
    func rule12() async throws {
        try await RuleServer.run { server in
            func statuses(_ head: String) async throws -> [Int] {
                RuleServer.statuses(try await server.ask("GET \(head)\r\n\r\n"))
            }
            let fields = "/ HTTP/1.1\r\nHost: a"
            let long = "\r\nA: " + String(repeating: "b", count: 12_000)
            for (head, status) in [
                ("/\(String(repeating: "a", count: 8192)) HTTP/1.1\r\nHost: a", 414),
                (fields + "\r\nA: " + String(repeating: "b", count: 16 << 10), 431),
                (fields + String(repeating: "\r\nA: b", count: 100), 431),
                (fields + String(repeating: long, count: 3), 431),
                (fields + String(repeating: "\r\nA: b", count: 99), 200),
            ] {
                let found = try await statuses(head)
                #expect(found == [status], "\(head.prefix(40))")
            }
        }
    }

    @Test("rule 13: a body over the limit is 413 before it is read") func rule13() async throws {
        try await expectTable(13)
    }

    @Test("rule 14: 100 comes when the body is wanted, and a final status where it is not")
    func rule14() async throws {
        try await expectTable(14)
        try await RuleServer.run { server in
            let head = "HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: "
            let wanted = try await server.talk { client in
                try client.send("POST /count \(head)3\r\n\r\n")
                let interim = try client.read(until: "\r\n\r\n")
                try client.send("abc")
                return interim + (try client.read(until: "3 bytes"))
            }
            #expect(wanted.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"))
            for (path, length, status) in [("/count", 1001, "413"), ("/none", 3, "404"), ("/early", 3, "422")] {
                let refused = try await server.talk { client in
                    try client.send("POST \(path) \(head)\(length)\r\n\r\n")
                    return try client.readToEnd()
                }
                #expect(refused.hasPrefix("HTTP/1.1 \(status) "), "\(path)")
            }
        }
    }

    @Test("rule 15: HEAD is the head of GET")
    func rule15() async throws {
        try await RuleServer.run { server in
            for path in ["/", "/path/a", "/none", "/empty", "/large"] {
                let request = "\(path) HTTP/1.1\r\nHost: a\r\nX-Request-Id: same\r\nConnection: close\r\n\r\n"
                let head = try await server.ask("HEAD " + request)
                let get = try await server.ask("GET " + request)
                let fields = try #require(get.components(separatedBy: "\r\n\r\n").first)
                func comparable(_ text: String) -> [String] {
                    text.components(separatedBy: "\r\n").filter { !$0.isEmpty && !$0.hasPrefix("Date: ") }
                }
                #expect(head.hasSuffix("\r\n\r\n") && comparable(head) == comparable(fields), "\(path)")
            }
        }
    }

    @Test("rule 16: methods are 405 with Allow, 204 for OPTIONS, 501 where unknown")
    func rule16() async throws {
        try await expectTable(16)
        try await RuleServer.run { server in
            for method in ["DELETE", "OPTIONS"] {
                let answer = try await server.ask("\(method) / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(answer.contains("\r\nAllow: GET, HEAD, OPTIONS\r\n"), "\(method)")
            }
        }
    }

    @Test("rule 17: HTTP/1.0 closes unless it asks not to, and gets no chunks")
    func rule17() async throws {
        try await expectTable(17)
        try await RuleServer.run { server in
            let stream = try await server.ask("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(
                !stream.contains("chunked") && stream.contains("Connection: close") && stream.hasSuffix("\r\n\r\naaa"))
        }
    }

    @Test("rule 18: Connection: close is honoured, whatever its case") func rule18() async throws {
        try await expectTable(18)
    }

    @Test("rule 19: pipelined requests are answered in order, in one packet or byte by byte")
    func rule19() async throws {
        try await expectTable(19)
        let paths = ["/later", "/path/1", "/later", "/none", "/path/2"]
        let requests = paths.map { "GET \($0) HTTP/1.1\r\nHost: a\r\nX-Request-Id: \($0.dropFirst())\r\n\r\n" }.joined()
        try await RuleServer.run { server in
            let whole = try await server.ask(requests)
            let single = try await server.talk { client in
                for byte in requests.utf8 { try client.send([byte]) }
                client.endSending()
                return try client.readToEnd()
            }
            for text in [whole, single] {
                let ids = text.components(separatedBy: "X-Request-Id: ").dropFirst().map { $0.prefix { !$0.isNewline } }
                #expect(ids.map { "/\($0)" } == paths)
                #expect(RuleServer.statuses(text) == [200, 200, 200, 404, 200])
            }
        }
    }

    @Test("rule 20: slow heads and bodies get 408, idle connections nothing, slow readers are cut off")
    func rule20() async throws {
        let short = Duration.seconds(1)
        func setUp(_ configuration: inout ServerConfiguration) {
            configuration.timeouts.requestHead = short
            configuration.timeouts.bodyIdle = short
            configuration.timeouts.writeIdle = short
            configuration.timeouts.keepAliveIdle = short
        }
        try await RuleServer.run(setUp) { server in
            for (raw, statuses) in [
                ("GET / HTTP/1.1\r\nHo", [408]),
                ("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", [408]),
                ("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", [408]), ("", []),
            ] {
                let answer = try await server.talk { client in
                    try client.send(raw)
                    return try client.readToEnd()
                }
                #expect(RuleServer.statuses(answer) == statuses, "\(raw)")
            }
            // Beside much else a second can be over before the request is sent: then as the idle connection that it is.
            var answer = ""
            for _ in 0..<20 where answer.isEmpty {
                answer = try await server.talk { client in
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    return try client.readToEnd()
                }
            }
            #expect(RuleServer.statuses(answer) == [200])
            let reader = try await server.talk { client in
                try client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
                return UncheckedBox(client)
            }
            await waitUntil { server.server.statistics.openConnections == 0 }
            withExtendedLifetime(reader) {}
        }
    }

    @Test("rule 21: a client that half-closes is answered, one that resets mid-answer leaves nothing")
    func rule21() async throws {
        try await RuleServer.run { server in
            let halfClosed = try await server.ask("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(halfClosed.hasSuffix("later"))
            try await server.talk { client in
                try client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try client.read(until: "aaaa")
                client.reset()
            }
            await waitUntil { server.server.statistics.openConnections == 0 }
            #expect(try await server.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").hasSuffix("home"))
        }
    }

    @Test("rule 22: an answer before the body's end reaches the client, and no reset")
    func rule22() async throws {
        try await expectTable(22)
        try await RuleServer.run { server in
            let answer = try await server.talk { client in
                try client.send("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
                try client.send([UInt8](repeating: 0, count: 1_000_000))
                return try client.readToEnd()
            }
            #expect(answer.hasPrefix("HTTP/1.1 422 ") && answer.hasSuffix("early"))
        }
    }

    @Test("rule 23: a flood of connections that end at once leaves nothing, and the next is served")
    func rule23() async throws {
        try await RuleServer.run { server in
            let address = server.address
            try await blocking {
                for number in 0..<2000 {
                    let client = try RawClient(to: address)
                    if number % 2 == 0 { client.reset() }
                }
            }
            await waitUntil { server.server.statistics.openConnections == 0 }
            #expect(try await server.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").hasSuffix("home"))
        }
    }

    @Test("rule 24: 204 and 304 have neither body nor length")
    func rule24() async throws {
        try await RuleServer.run { server in
            for path in ["/empty", "/unchanged"] {
                let answer = try await server.ask("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(
                    answer.hasSuffix("\r\n\r\n") && !answer.contains("Content-Length") && !answer.contains("chunked"))
            }
        }
    }

    @Test("rule 25: what a client sent can't end a line of an answer")
    func rule25() async throws {
        try await RuleServer.run { server in
            let body = "a\r\nSet-Cookie: b\r\n\r\nc\u{0}"
            let answer = try await server.ask(
                "POST /field HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            #expect(answer.contains("\r\nLocation: a  Set-Cookie: b    c\r\n"))
            #expect(answer.components(separatedBy: "\r\n\r\n").count == 2)
        }
    }

    @Test("rule 27: an answer has its date, charset and nosniff, and names no server")
    func rule27() async throws {
        try await RuleServer.run { server in
            let answer = try await server.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let date = try #require(answer.components(separatedBy: "\r\n").first { $0.hasPrefix("Date: ") })
            #expect(date.hasSuffix(" GMT") && date.utf8.count == "Date: Sun, 06 Nov 1994 08:49:37 GMT".utf8.count)
            #expect(answer.contains("\r\nContent-Type: text/plain; charset=utf-8\r\n"))
            #expect(answer.contains("\r\nX-Content-Type-Options: nosniff\r\n"))
            #expect(!answer.contains("\r\nServer: "))
        }
    }

    @Test("rule 29: at the end what was accepted is answered with close, and nothing more is taken")
    func rule29() async throws {
        try await RuleServer.run { server in
            let client = try await server.talk { client in
                try client.send("GET /path/1 HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try client.read(until: "\r\n\r\n1")
                return UncheckedBox(client)
            }
            server.server.beginShutdown()
            let last = try await blocking {
                try client.value.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
                return try client.value.readToEnd()
            }
            #expect(last.contains("Connection: close\r\n") && last.hasSuffix("later"))
            await server.server.shutdown(grace: .seconds(5))
            await #expect(throws: (any Error).self) { try await server.ask("") }
        }
    }
}
