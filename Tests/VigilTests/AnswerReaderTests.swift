import Testing

@testable import vigil

@Suite("Reading answers")
struct AnswerReaderTests {
    /// Reads what comes in pieces of `size` bytes and then ends.
    private func read(_ text: String, pieces size: Int) throws(ClientError) -> Answer {
        var rest = Array(text.utf8)[...]
        var reader = AnswerReader()
        return try reader.read { room in
            let piece = rest.prefix(min(size, room.count))
            room.copyBytes(from: piece)
            rest = rest.dropFirst(piece.count)
            return piece.count
        }
    }

    private static let head = "HTTP/1.1 200 OK\r\nContent-Type:  application/json \r\n"

    @Test("a body of known length, in whatever pieces", arguments: [1, 2, 3, 7, 1_000])
    func length(size: Int) throws {
        let text = Self.head + "content-LENGTH: 5\r\n\r\nhello"
        let answer = try read(text, pieces: size)
        #expect(answer.status == 200 && answer.contentType == "application/json" && answer.body == Array("hello".utf8))
        #expect(answer.received == text.utf8.count && !answer.closes)
    }

    @Test("chunks, with an extension and a trailer", arguments: [1, 2, 3, 7, 1_000])
    func chunks(size: Int) throws {
        let text = Self.head + "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n"
        #expect(try read(text, pieces: size).body == Array("abc0123456789".utf8))
    }

    @Test("names in fields are ASCII: the Kelvin sign is no k")
    func fieldsAreBytes() throws {
        let error = #expect(throws: ClientError.self) {
            try read(Self.head + "Transfer-Encoding: chun\u{212A}ed\r\n\r\n0\r\n\r\n", pieces: 100)
        }
        #expect(error != nil)
        #expect(try read(Self.head + "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n", pieces: 100).body == [])
    }

    @Test("a body up to the end of the connection, which is then closed")
    func untilClose() throws {
        let answer = try read(Self.head + "\r\nhello", pieces: 4)
        #expect(answer.body == Array("hello".utf8) && answer.closes)
    }

    @Test("interim answers are skipped; 204 has no body; a body larger than the first buffer")
    func forms() throws {
        let interim = try read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", pieces: 5)
        #expect(interim.status == 204 && interim.body.isEmpty && !interim.closes)
        let large = String(repeating: "x", count: 300_000)
        #expect(try read(Self.head + "Content-Length: 300000\r\n\r\n" + large, pieces: 50_000).body.count == 300_000)
    }

    @Test(
        "the end of the connection is told by Connection, or by HTTP/1.0",
        arguments: [
            ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", true),
        ])
    func closes(text: String, closes: Bool) throws {
        #expect(try read(text, pieces: 100).closes == closes)
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
        let error = #expect(throws: ClientError.self) { try read(text, pieces: 1_000) }
        guard case .malformed = error else { return #expect(Bool(false), "it was \(String(describing: error))") }
    }

    @Test(
        "a connection that ends within an answer is broken",
        arguments: ["", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"])
    func broken(text: String) {
        let error = #expect(throws: ClientError.self) { try read(text, pieces: 1_000) }
        guard case .broken = error else { return #expect(Bool(false), "it was \(String(describing: error))") }
    }
}
