import HTTPTypes
import Testing

@testable import HTTP

@Suite("what is refused before it is understood has the fields that such answers have")
struct UnreadHeadTests {
    /// Answers to requests that break off or go wrong, by what is wrong.
    private static let refused: [(status: Int, request: String)] = [
        (400, "GET /%zz HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\n\r\n"),
        (400, "GET /%00 HTTP/1.1\r\nHost: a\r\noRIGIN:https://app.example \r\n\r\n"),
        (400, "GET /a#b HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nOrigin: https://app.example\r\n\r\n"),
        (
            414,
            "GET /?a=\(String(repeating: "a", count: 9_000)) HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\n\r\n"
        ),
        (
            431,
            "GET / HTTP/1.1\r\nOrigin: https://app.example\r\nCookie: \(String(repeating: "a", count: 99_000))\r\n\r\n"
        ),
        (417, "GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\nExpect: zz\r\n\r\n"),
        (501, "POST / HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
        (505, "GET / HTTP/2.0\r\nHost: a\r\nOrigin: https://app.example\r\n\r\n"),
    ]

    private func connection() -> StateHarness {
        StateHarness(refusalFields: { [.vary: "Origin", .accessControlAllowOrigin: $0 ?? "none"] })
    }

    @Test("by its Origin, in one piece", arguments: refused.indices)
    func whole(index: Int) {
        let connection = connection()
        connection.feed(Self.refused[index].request)
        #expect(connection.statuses == [Self.refused[index].status])
        #expect(connection.sent.contains("\r\nAccess-Control-Allow-Origin: https://app.example\r\n"))
        #expect(connection.sent.contains("\r\nVary: Origin\r\n"))
    }

    @Test("in pieces the same where the Origin has come before what is wrong", arguments: [1, 7, 64])
    func pieces(size: Int) {
        for (status, request) in Self.refused where status != 414 && status != 505 {
            let connection = connection()
            connection.feed(Array(request.utf8), pieces: size)
            #expect(connection.statuses == [status])
            #expect(connection.sent.contains("\r\nAccess-Control-Allow-Origin: https://app.example\r\n"), "\(status)")
        }
    }

    @Test("and when the head does not end")
    func cut() {
        let connection = connection()
        connection.feed("GET / HTTP/1.1\r\nOrigin: https://app.example\r\nHo")
        connection.endInput()
        #expect(connection.statuses == [400])
        #expect(connection.sent.contains("\r\nAccess-Control-Allow-Origin: https://app.example\r\n"))
    }

    @Test(
        "an Origin that is twice there, is not whole, or stands in the request line or the body, is none",
        arguments: [
            "Host: a\r\nOrigin: https://a\r\nOrigin: https://b\r\n\r\n", "Host: a\r\n\r\nOrigin: https://a\r\n\r\n",
            "Host: a\r\n bad\r\nOrigin: https://a", "Host: a\r\nXOrigin: https://a\r\n\r\n",
            "Host: a\r\nOrigin : https://a\r\n\r\n", "Host: a\r\nOrigin: https://a\u{1}\r\n\r\n",
            "Host: a\r\nOrigin: https://a b\r\n\r\n", "Host: a\r\n\r\n", "",
        ])
    func none(rest: String) {
        let head = UnreadHead(bytes: Array("GET /%zz HTTP/1.1\r\n\(rest)".utf8))
        #expect(head.origin == nil)
        #expect(UnreadHead(bytes: Array("Origin: https://a\r\n".utf8)).origin == nil)
    }

    @Test("without such fields an answer has none")
    func unset() {
        for (status, request) in Self.refused {
            let connection = StateHarness()
            connection.feed(request)
            #expect(connection.statuses == [status])
            #expect(!connection.sent.contains("Access-Control") && !connection.sent.contains("Vary"))
        }
    }
}
