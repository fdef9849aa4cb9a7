import TestSupport
import Testing

@testable import HTTP

@Suite("a head that comes again")
struct KnownHeadTests {
    private static let heads = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: ab\r\n\r\n",
        "GET /path/one HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /path/two HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /path/one HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "HEAD /path/one HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /query?a=1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\n\r\n",
        "GET /query?a=2 HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\n\r\n",
        "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nGET",
        "POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX-Long: \(String(repeating: "l", count: 1_100))\r\n\r\n",
    ]
    private static let last = [
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n",
    ]

    @Test("is answered as it would be alone, whatever came before it", arguments: 0..<200 as Range<UInt64>)
    func same(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let some = (0..<4).map { _ in Self.heads.randomElement(using: &random) ?? "" }
        let requests = (0..<30).map { _ in some.randomElement(using: &random) ?? "" }
        let end = Self.last.randomElement(using: &random) ?? ""
        let bytes = Array((requests.joined() + end).utf8)
        // A head that comes byte by byte is read anew each time.
        let slow = StateHarness()
        slow.feed(bytes, pieces: 1)
        let cut = StateHarness()
        var rest = bytes[...]
        while !rest.isEmpty {
            let size = Int.random(in: 1...120, using: &random)
            cut.feed(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        let apart = StateHarness()
        for request in requests + [end] { apart.feed(request) }
        #expect(slow.isHalfClosed)
        #expect(cut.sent == slow.sent, "seed \(seed)")
        #expect(apart.sent == slow.sent, "seed \(seed)")
    }

    @Test("is known once it has come in one piece, up to its last byte and no further")
    func bounds() throws {
        let head = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        let connection = StateHarness()
        connection.feed(head)
        let known = connection.state.known
        var position = 0
        #expect(known.take(Array(head.dropLast()).span, at: &position) == nil)
        #expect(position == 0)
        let again = Array("xx".utf8) + head + Array("GET".utf8)
        position = 2
        #expect(known.take(again.span, at: &position)?.head.authority == "a")
        #expect(position == 2 + head.count)
        for index in head.indices {
            var other = head
            other[index] ^= 0x20
            position = 0
            #expect(known.take(other.span, at: &position) == nil)
            #expect(position == 0)
        }
    }

    @Test("is not kept where it is long")
    func long() {
        let connection = StateHarness()
        let head = Array(
            "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "l", count: KnownHead.longest))\r\n\r\n".utf8)
        connection.feed(head)
        var position = 0
        #expect(connection.state.known.take(head.span, at: &position) == nil)
    }
}
