import HTTPClient
import TestSupport
import Testing

@Suite("Reading answers")
struct AnswerReaderTests {
    /// Reads what comes in pieces of `size` bytes and then ends; nil where the answer is not whole by then.
    private func read(_ text: String, pieces size: Int) throws(AnswerError) -> Answer? {
        var reader = AnswerReader()
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(size))
            rest = rest.dropFirst(size)
            var position = 0
            guard let answer = try reader.consume(piece.span, at: &position) else { continue }
            let excess = piece.count - position + rest.count
            guard excess == 0 else { throw .excess(excess) }
            return answer
        }
        return reader.end()
    }

    private static let head = "HTTP/1.1 200 OK\r\nContent-Type:  application/json \r\n"

    @Test("a body of known length, in whatever pieces", arguments: [1, 2, 3, 7, 1_000])
    func length(size: Int) throws {
        let text = Self.head + "content-LENGTH: 5\r\n\r\nhello"
        let answer = try #require(try read(text, pieces: size))
        #expect(answer.status == 200 && answer.contentType == "application/json" && answer.body == Array("hello".utf8))
        #expect(answer.received == text.utf8.count && !answer.closes)
    }

    @Test("chunks, with an extension and a trailer", arguments: [1, 2, 3, 7, 1_000])
    func chunks(size: Int) throws {
        let text = Self.head + "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n"
        #expect(try read(text, pieces: size)?.body == Array("abc0123456789".utf8))
    }

    @Test("names in fields are ASCII: the Kelvin sign is no k")
    func fieldsAreBytes() throws {
        let error = #expect(throws: AnswerError.coding) {
            try read(Self.head + "Transfer-Encoding: chun\u{212A}ed\r\n\r\n0\r\n\r\n", pieces: 100)
        }
        #expect(error != nil)
        #expect(try read(Self.head + "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n", pieces: 100)?.body == [])
    }

    @Test("a body up to the end of the connection, which is then closed")
    func untilClose() throws {
        let answer = try #require(try read(Self.head + "\r\nhello", pieces: 4))
        #expect(answer.body == Array("hello".utf8) && answer.closes)
    }

    @Test("interim answers are skipped; 204 has no body; a body larger than the first buffer")
    func forms() throws {
        let interim = try #require(
            try read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", pieces: 5))
        #expect(interim.status == 204 && interim.body.isEmpty && !interim.closes)
        let large = String(repeating: "x", count: 300_000)
        #expect(try read(Self.head + "Content-Length: 300000\r\n\r\n" + large, pieces: 50_000)?.body.count == 300_000)
    }

    @Test(
        "the end of the connection is told by Connection, or by HTTP/1.0",
        arguments: [
            ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", true),
        ])
    func closes(text: String, closes: Bool) throws {
        #expect(try read(text, pieces: 100)?.closes == closes)
    }

    @Test(
        "what is no answer is refused",
        arguments: [
            "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 xyz OK\r\n\r\n", "HTTP/2 200\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n",
        ])
    func malformed(text: String) {
        for size in [1, 7, 1_000] { #expect(throws: AnswerError.self) { try read(text, pieces: size) } }
    }

    @Test(
        "a connection that ends within an answer is broken",
        arguments: ["", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"])
    func broken(text: String) throws {
        for size in [1, 1_000] { #expect(try read(text, pieces: size) == nil) }
    }

    @Test("a body may have its bound and no more, however it is delimited")
    func bound() throws {
        for (text, isFine) in [
            ("Content-Length: 4\r\n\r\nabcd", true), ("Content-Length: 5\r\n\r\n", false),
            ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", true),
            ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\n", false), ("\r\nabcd", true),
            ("\r\nabcde", false),
        ] {
            var reader = AnswerReader(largestBody: 4)
            let bytes = Array((Self.head + text).utf8)
            var position = 0
            do throws(AnswerError) {
                let answer = try reader.consume(bytes.span, at: &position) ?? reader.end()
                #expect(isFine && answer?.body == Array("abcd".utf8), "\(text)")
            } catch {
                #expect(!isFine && error == .tooLarge(4), "\(text)")
            }
        }
    }

    @Test("lines, trailers and chunks without end are refused, and so are those of another form")
    func chunkForms() {
        let long = String(repeating: "x", count: 20_000)
        for body in [
            "3;\(long)", "0\r\n\(long)", "0\r\n" + String(repeating: "X: y\r\n", count: 4_000), "\r\n", "g\r\n",
            "0x1\r\n",
            "3 \u{1}\r\n", "3\r\nabcd\r\n", "3\r\nabc\n\r\n", "3\nabc", "+3\r\n", "0000000000000003\r\n",
        ] {
            let text = Self.head + "Transfer-Encoding: chunked\r\n\r\n" + body
            for size in [1, 1_000] {
                #expect(throws: AnswerError.self, "\(body.prefix(20))") { try read(text, pieces: size) }
            }
        }
    }

    @Test("one after another, each by itself")
    func several() throws {
        let (first, second) = (Self.head + "Content-Length: 2\r\n\r\nab", Self.head + "Content-Length: 0\r\n\r\n")
        let bytes = Array((first + second).utf8)
        var reader = AnswerReader()
        var position = 0
        let one = try #require(try reader.consume(bytes.span, at: &position))
        #expect(one.body == [97, 98] && one.received == first.utf8.count && position == one.received)
        let other = try #require(try reader.consume(bytes.span, at: &position))
        #expect(other.body.isEmpty && other.received == second.utf8.count && position == bytes.count)
    }

    @Test("any split of the bytes gives the same answer, or the same error")
    func splits() throws {
        let kept = [
            "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n", Self.head, "HTTP/1.0 503 Later\r\n", "Retry-After: 5\r\n",
            "Content-Length: 5\r\n",
            "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "\r\n", "hello", "5\r\nhello\r\n", "0\r\n\r\n",
            "0\r\nX: y\r\n\r\n",
            "\n", "x", ":",
        ]
        var outcomes: Set<String> = []
        for seed in 0..<2_000 {
            var random = SeededRandom(seed: UInt64(seed))
            let text =
                Self.head
                + (0..<Int.random(in: 1...6, using: &random)).map { _ in
                    kept.randomElement(using: &random) ?? ""
                }.joined()
            let whole = outcome(text, &random, cut: false)
            for _ in 0..<4 { #expect(outcome(text, &random, cut: true) == whole, "\(text)") }
            outcomes.insert(String(whole.prefix(4)))
        }
        #expect(outcomes.count >= 4, "answers, errors and what is not whole are among them")
    }

    private func outcome(_ text: String, _ random: inout SeededRandom, cut: Bool) -> String {
        var reader = AnswerReader()
        var rest = Array(text.utf8)[...]
        do throws(AnswerError) {
            while !rest.isEmpty {
                let piece = Array(rest.prefix(cut ? Int.random(in: 1...12, using: &random) : rest.count))
                var position = 0
                let answer = try reader.consume(piece.span, at: &position)
                rest = rest.dropFirst(position)
                if let answer { return "whole \(answer), \(rest.count) left" }
            }
            return reader.end().map { "ended \($0)" } ?? "not whole"
        } catch {
            return "refused \(error)"
        }
    }
}
