import Testing

@testable import HTTP

@Suite("requests, by the rules")
struct RequestRuleTests {
    @Test("each request gets its status, and the connection stays or ends", arguments: RequestExample.all)
    func statuses(example: RequestExample) {
        let connection = StateHarness()
        connection.feed(example.raw)
        #expect(connection.statuses == example.statuses)
        #expect(connection.isHalfClosed == example.closes)
        #expect(connection.sent.contains("Connection: close\r\n") == example.closes)
    }

    @Test("cut at any byte, or into single bytes, requests are answered the same", arguments: RequestExample.all)
    func splitting(example: RequestExample) {
        expectSplittingChangesNothing(Array(example.raw.utf8))
    }

    @Test("a target may be 8 KiB (rule 12)")
    func longTarget() {
        let longest = "/" + String(repeating: "a", count: 8191)
        #expect(answer("GET \(longest) HTTP/1.1\r\nHost: a\r\n\r\n") == [404])
        #expect(answer("GET \(longest)a HTTP/1.1\r\nHost: a\r\n\r\n") == [414])
        #expect(answer("GET \(longest)a") == [414])
    }

    @Test("field lines are limited each, together and in number (rule 12)")
    func largeHeaders() {
        let line = "X: " + String(repeating: "a", count: 16 << 10)
        #expect(answer("GET / HTTP/1.1\r\nHost: a\r\n\(line)") == [431])
        let half = "X: " + String(repeating: "a", count: 15 << 10) + "\r\n"
        #expect(answer("GET / HTTP/1.1\r\nHost: a\r\n\(half)\(half)\r\n") == [200])
        #expect(answer("GET / HTTP/1.1\r\nHost: a\r\n\(half)\(half)\(half)") == [431])
        let many = String(repeating: "X: a\r\n", count: 99)
        #expect(answer("GET / HTTP/1.1\r\nHost: a\r\n\(many)\r\n") == [200])
        #expect(answer("GET / HTTP/1.1\r\nHost: a\r\n\(many)Y: b\r\n\r\n") == [431])
    }

    @Test("extensions and trailers are limited over the whole body (rule 5)")
    func chunkLimits() {
        let head = "POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        let chunk = "1;" + String(repeating: "a", count: 100) + "\r\nx\r\n"
        #expect(answer(head + String(repeating: chunk, count: 100) + "0\r\n\r\n") == [200])
        #expect(answer(head + String(repeating: chunk, count: 200) + "0\r\n\r\n") == [400])
        let trailer = "a: " + String(repeating: "b", count: 100) + "\r\n"
        #expect(answer(head + "0\r\n" + String(repeating: trailer, count: 100) + "\r\n") == [400])
    }

    private func answer(_ raw: String) -> [Int] {
        let connection = StateHarness()
        connection.feed(raw)
        return connection.statuses
    }
}

/// States the law that the parser is held to: input in pieces gives what input at once gives.
func expectSplittingChangesNothing(_ raw: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) {
    let whole = StateHarness()
    whole.feed(raw)
    let singles = StateHarness()
    singles.feed(raw, pieces: 1)
    #expect(singles.sent == whole.sent, sourceLocation: sourceLocation)
    #expect(singles.isHalfClosed == whole.isHalfClosed, sourceLocation: sourceLocation)
    for cut in raw.indices.dropFirst() {
        let halves = StateHarness()
        halves.feed(Array(raw[..<cut]))
        halves.feed(Array(raw[cut...]))
        // Of a body that fails, pieces may have been handed out before.
        let isBodySame =
            halves.bodyIsComplete == whole.bodyIsComplete && (!whole.bodyIsComplete || halves.body == whole.body)
        if halves.sent != whole.sent || !isBodySame || halves.isHalfClosed != whole.isHalfClosed {
            Issue.record(
                "cut at byte \(cut): \(halves.statuses), whole: \(whole.statuses)", sourceLocation: sourceLocation)
            return
        }
    }
}
