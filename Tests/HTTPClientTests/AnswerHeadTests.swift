import HTTPClient
import Testing

@Suite("the head of an answer")
struct AnswerTests {
    /// Feeds the text in pieces of `size` bytes.
    ///
    /// - Returns: the head, and what is left of the text after it
    private static func read(_ text: String, size: Int = .max) throws(AnswerError) -> (AnswerHead, String)? {
        let bytes = Array(text.utf8)
        var reader = AnswerHeadReader()
        var start = 0
        while start < bytes.count {
            let piece = Array(bytes[start..<min(bytes.count, start + min(size, bytes.count))])
            var position = 0
            if let head = try reader.consume(piece.span, at: &position) {
                return (head, String(decoding: bytes[(start + position)...], as: UTF8.self))
            }
            start += piece.count
        }
        return nil
    }

    @Test(
        "status and fields are read, in pieces as at once",
        arguments: [
            ("HTTP/1.1 200 OK\r\n\r\nbody", AnswerHead(status: 200, closes: true), "body"),
            (
                "HTTP/1.0 204\r\nContent-Length: 5\r\n\r\n", AnswerHead(status: 204, framing: .length(0), closes: true),
                ""
            ),
            ("HTTP/1.1 410 \r\ncontent-LENGTH:\t3 \r\n\r\nabc", AnswerHead(status: 410, framing: .length(3)), "abc"),
            (
                "HTTP/1.1 503 Too Busy: wait\r\nRetry-After: 120\r\nX:\r\n folded: 3\r\n\r\n",
                AnswerHead(status: 503, closes: true, retryAfter: "120"), ""
            ),
            (
                "HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 201 Made\r\n\r\nx",
                AnswerHead(status: 201, closes: true), "x"
            ),
            ("HTTP/1.1 101 Switching\r\n\r\n", AnswerHead(status: 101, framing: .length(0), closes: true), ""),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0",
                AnswerHead(status: 200, framing: .chunked), "0"
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", AnswerHead(status: 200, framing: .unclear(.length)), ""),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
                AnswerHead(status: 200, framing: .unclear(.length)), ""
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
                AnswerHead(status: 200, framing: .unclear(.length)), ""
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
                AnswerHead(status: 200, framing: .length(5)), ""
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
                AnswerHead(status: 200, framing: .unclear(.coding)), ""
            ),
            (
                "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Type: a/b \r\nContent-Length: 0\r\n\r\n",
                AnswerHead(status: 200, framing: .length(0), contentType: "a/b"), ""
            ),
        ])
    func good(text: String, head: AnswerHead, rest: String) throws {
        for size in [Int.max, 1, 2, 3, 7] {
            let (read, left) = try #require(try Self.read(text, size: size))
            #expect(read == head && left == rest)
        }
    }

    @Test(
        "what is no answer is refused",
        arguments: [
            ("\r\n", .notHTTP("")), ("HTTP/2 200 OK\r\n", .notHTTP("HTTP/2 200 OK")),
            ("HTTP/1.1  200 OK\r\n", .notHTTP("HTTP/1.1  200 OK")),
            ("HTTP/1.1 20 OK\r\n", .notHTTP("HTTP/1.1 20 OK")), ("HTTP/1.1 2000 OK\r\n", .notHTTP("HTTP/1.1 2000 OK")),
            ("HTTP/1.1 099 OK\r\n", .notHTTP("HTTP/1.1 099 OK")),
            ("HTTP/1.1 600 OK\r\n", .notHTTP("HTTP/1.1 600 OK")), ("HTTP/1.1 +20 OK\r\n", .notHTTP("HTTP/1.1 +20 OK")),
            ("HTTP/1.x 200 OK\r\n", .notHTTP("HTTP/1.x 200 OK")),
            ("http/1.1 200 OK\r\n", .notHTTP("http/1.1 200 OK")), ("ICY 200 OK\r\n", .notHTTP("ICY 200 OK")),
            ("SSH-2.0-x\r\n", .notHTTP("SSH-2.0-x")),
            ("HTTP/1.1 200 OK\n\n", .bareLineFeed), ("HTTP/1.1 200 OK\r\nA: b\n\r\n", .bareLineFeed),
            ("HTTP/1.1 200 OK\r\nab\r\n\r\n", .noColon),
            ("HTTP/1.1 200 OK\r\nA: " + String(repeating: "b", count: 16_384), .tooLong),
            (String(repeating: "a", count: 16_385), .tooLong),
            (String(repeating: "HTTP/1.1 102 Go\r\n\r\n", count: 1000), .tooLong),
        ] as [(String, AnswerError)])
    func bad(text: String, error: AnswerError) {
        for size in [Int.max, 1, 7] { #expect(throws: error) { _ = try Self.read(text, size: size) } }
    }

    @Test("a head that has not ended is waited for")
    func unfinished() throws {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
        for count in 0..<text.utf8.count {
            #expect(try Self.read(String(decoding: text.utf8.prefix(count), as: UTF8.self)) == nil)
        }
    }
}
