import TestSupport
import Testing

@testable import Webhooks

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
            ("HTTP/1.1 200 OK\r\n\r\nbody", AnswerHead(status: 200), "body"),
            ("HTTP/1.0 204\r\nContent-Length: 5\r\n\r\n", AnswerHead(status: 204, bodyLength: 0), ""),
            ("HTTP/1.1 410 \r\ncontent-LENGTH:\t3 \r\n\r\nabc", AnswerHead(status: 410, bodyLength: 3), "abc"),
            (
                "HTTP/1.1 503 Too Busy: wait\r\nRetry-After: 120\r\nX:\r\n folded: 3\r\n\r\n",
                AnswerHead(status: 503, retryAfter: "120"), ""
            ),
            (
                "HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 201 Made\r\n\r\nx",
                AnswerHead(status: 201), "x"
            ),
            ("HTTP/1.1 101 Switching\r\n\r\n", AnswerHead(status: 101), ""),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0",
                AnswerHead(status: 200), "0"
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", AnswerHead(status: 200), ""),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", AnswerHead(status: 200), ""),
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
            ("\r\n", .notHTTP), ("HTTP/2 200 OK\r\n", .notHTTP), ("HTTP/1.1  200 OK\r\n", .notHTTP),
            ("HTTP/1.1 20 OK\r\n", .notHTTP), ("HTTP/1.1 2000 OK\r\n", .notHTTP), ("HTTP/1.1 099 OK\r\n", .notHTTP),
            ("HTTP/1.1 600 OK\r\n", .notHTTP), ("HTTP/1.1 +20 OK\r\n", .notHTTP), ("HTTP/1.x 200 OK\r\n", .notHTTP),
            ("http/1.1 200 OK\r\n", .notHTTP), ("ICY 200 OK\r\n", .notHTTP), ("SSH-2.0-x\r\n", .notHTTP),
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

    @Test(
        "Retry-After is seconds or a date, from nothing to a day",
        arguments: [
            ("0", 0), ("000", 0), ("120", 120), ("00120", 120), ("86401", 86_400), ("99999999999999999999", 86_400),
            ("", nil), ("-1", nil), ("+1", nil), ("1.5", nil), ("1 ", nil), ("soon", nil),
            ("Sun, 06 Nov 1994 08:49:47 GMT", 10), ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
            ("Sat, 05 Nov 1994 08:49:37 GMT", 0), ("Mon, 07 Nov 1994 00:00:00 GMT", 54_623),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400), ("Sun, 06 Nov 1994 08:49:47", nil),
            ("Sun, 06 Nov 1994 8:49:47 GMT", nil), ("Sun, 32 Nov 1994 08:49:47 GMT", nil),
            ("Sun, 06 Nox 1994 08:49:47 GMT", nil), ("Sun, 06 Nov 1994 24:49:47 GMT", nil),
            ("Sunday, 06-Nov-94 08:49:37 GMT", nil),
        ] as [(String, Int?)])
    func retryAfter(text: String, seconds: Int?) {
        // Sun, 06 Nov 1994 08:49:37 GMT
        #expect(RetryAfter.delay(text, now: 784_111_777) == seconds.map { .seconds($0) })
    }

    @Test(
        "dates around leap days",
        arguments: [
            ("Thu, 01 Jan 1970 00:00:01 GMT", 0), ("Tue, 29 Feb 2000 12:34:56 GMT", 951_827_695),
            ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_799), ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_399),
            ("Sun, 31 Dec 2023 23:59:59 GMT", 1_704_067_198),
        ])
    func dates(text: String, before: Int) {
        #expect(RetryAfter.delay(text, now: before) == .seconds(1))
    }

    @Test("a verdict for each status")
    func verdicts() {
        func verdict(_ status: Int, _ retryAfter: String? = nil) -> DeliveryVerdict {
            DeliveryVerdict(AnswerHead(status: status, retryAfter: retryAfter), now: 0)
        }
        for status in [200, 201, 204, 299] { #expect(verdict(status) == .delivered) }
        #expect(verdict(410, "5") == .gone)
        for status in [429, 503] {
            #expect(
                verdict(status, "5") == .failed(reason: "the receiver answered \(status)", retryAfter: .seconds(5)))
            #expect(verdict(status, "x") == .failed(reason: "the receiver answered \(status)", retryAfter: nil))
        }
        for status in [101, 400, 404, 500, 599] {
            #expect(verdict(status, "5") == .failed(reason: "the receiver answered \(status)", retryAfter: nil))
        }
        for status in [300, 301, 302, 304, 307, 308] {
            let reason = "the receiver answered \(status), and redirects are not followed"
            #expect(verdict(status, "5") == .failed(reason: reason, retryAfter: nil))
        }
    }
}
