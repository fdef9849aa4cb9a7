import Foundation
import HTTPClient
import Platform
import Synchronization
import TestSupport
import Testing

@Suite("bodies that are sent from files, and taken in pieces", .timeLimit(.minutes(10)))
struct StreamingTests {
    private static let large = 3 << 20

    /// What becomes of a file that is sent to such a server: the answer, and how many of its bytes were sent.
    private static func sent(
        _ count: Int = large, silence: Duration? = nil, _ serve: @escaping @Sendable (RawServerConnection) -> Void
    ) async throws -> (answer: Result<Answer, ClientError>, sent: Int, requests: [ReceivedRequest]) {
        let folder = try ScratchFolder()
        _ = try folder.write([UInt8](repeating: 98, count: count), to: "file")
        let path = folder.path + "/file"
        let server = try RawServer(serve)
        defer { server.stop() }
        let url = ServerURL(host: "127.0.0.1", port: server.port)
        let told = Mutex(0)
        let answer = try await blocking {
            let client = try HTTPClient(url)
            if let silence { client.silence = silence }
            let body = FileBody(
                before: Array("<".utf8), try OpenFile(path: path), after: Array(">".utf8),
                sent: { bytes in told.withLock { $0 += bytes } })
            let request = ClientRequest("POST", "/", authority: url.authority)
            return Result { () throws(ClientError) in
                try client.exchange(request, sending: body, by: Deadline(in: .seconds(120)))
            }
        }
        return (answer, told.withLock { $0 }, server.requests)
    }

    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    @Test("a server that wants a body, or says nothing to being asked, gets all of it", arguments: [0, 1, 2])
    func whole(announcements: Int) async throws {
        let said = String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: announcements)
        let found = try await Self.sent { connection in
            connection.send(said)
            connection.readRequest()
            connection.send(Self.ok)
            connection.finish()
        }
        #expect(try found.answer.get().status == 200 && found.sent == Self.large)
        let request = try #require(found.requests.first)
        #expect(request.body.count == Self.large + 2)
        #expect(request.body.first == UInt8(ascii: "<") && request.body.last == UInt8(ascii: ">"))
    }

    @Test("a file that was written to since it was opened is not sent to its end", arguments: [-1, 0, 1])
    func changed(growth: Int) async throws {
        let folder = try ScratchFolder()
        let bytes = [UInt8](repeating: 98, count: 400_000)
        _ = try folder.write(bytes, to: "file")
        let path = folder.path + "/file"
        let long = Date(timeIntervalSince1970: 1_000_000)
        try FileManager.default.setAttributes([.modificationDate: long], ofItemAtPath: path)
        let file = try OpenFile(path: path)
        #expect(!file.hasChanged)
        let writer = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try writer.truncate(atOffset: UInt64(bytes.count + growth))
        try writer.write(contentsOf: Data([99]))
        try writer.close()
        let server = try RawServer { connection in
            connection.readRequest()
            connection.send(Self.ok)
            connection.finish()
        }
        defer { server.stop() }
        let url = ServerURL(host: "127.0.0.1", port: server.port)
        let error = try await blocking {
            let client = try HTTPClient(url)
            let request = ClientRequest("POST", "/", authority: url.authority)
            return #expect(throws: ClientError.self) {
                try client.exchange(request, sending: FileBody(file), by: Deadline(in: .seconds(120)))
            }
        }
        guard case .unreadable = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("one that refuses need not take it")
    func refused() async throws {
        // However long it takes to say so.
        let found = try await Self.sent(silence: .seconds(600)) { connection in
            connection.send("HTTP/1.1 429 Busy\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}")
            connection.finish()
        }
        #expect(try found.answer.get().head.retryAfter == "7" && found.sent == 0)
    }

    @Test("a small body is sent at once, and a server that ends within it is told as that")
    func small() async throws {
        let whole = try await Self.sent(10) { connection in
            connection.readRequest()
            connection.send(Self.ok)
            connection.finish()
        }
        #expect(try whole.answer.get().body == Array("ok".utf8) && whole.sent == 10)
        let ended = try await Self.sent { $0.reset() }
        #expect(throws: ClientError.self) { try ended.answer.get() }
    }

    /// The pieces of a body, put together, and how many connections there were.
    private static func pieces(
        _ text: String, largest: Int = 1 << 20
    ) async throws -> Result<[UInt8], ClientError> {
        let server = try RawServer { connection in
            connection.readRequest()
            connection.send(text)
            connection.finish()
        }
        defer { server.stop() }
        let url = ServerURL(host: "127.0.0.1", port: server.port)
        return try await blocking {
            let client = try HTTPClient(url, largestBody: largest)
            return Result { () throws(ClientError) in
                let deadline = Deadline(in: .seconds(120))
                let head = try client.open(HTTPClient.message("GET", "/", to: url), by: deadline)
                var all = Array("\(head.status) ".utf8)
                while let piece = try client.nextPiece(by: deadline) { all += piece }
                return all
            }
        }
    }

    @Test(
        "pieces are the body, however it is delimited",
        arguments: [
            "Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            "\r\nhello",
        ])
    func framings(text: String) async throws {
        #expect(try await Self.pieces("HTTP/1.1 200 OK\r\n\(text)").get() == Array("200 hello".utf8))
    }

    @Test("a stream may be longer than its limit in all, and no piece of it is")
    func limits() async throws {
        let chunk = "400\r\n" + String(repeating: "x", count: 1_024) + "\r\n"
        let long =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + String(repeating: chunk, count: 1_000)
            + "0\r\n\r\n"
        #expect(try await Self.pieces(long, largest: 256 << 10).get().count == 4 + 1_000 * 1_024)
        let large = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400000\r\n"
        #expect(try await Self.pieces(large) == .failure(.malformed(.tooLarge(1 << 20))))
    }

    /// What two streams one after the other bring, of which the first is read so many pieces long.
    private static func two(
        pieces most: Int, serving handle: @escaping @Sendable (_ connection: Int, RawServerConnection) -> Void
    ) async throws -> [String] {
        let count = Mutex(0)
        let server = try RawServer { connection in
            handle(
                count.withLock { count in
                    count += 1
                    return count
                }, connection)
        }
        defer { server.stop() }
        let url = ServerURL(host: "127.0.0.1", port: server.port)
        return try await blocking {
            let client = try HTTPClient(url)
            let deadline = Deadline(in: .seconds(120))
            return try [most, Int.max].map { most in
                _ = try client.open(HTTPClient.message("GET", "/", to: url), by: deadline)
                var all: [UInt8] = []
                var count = 0
                while count < most, let piece = try client.nextPiece(by: deadline) {
                    all += piece
                    count += 1
                }
                return String(decoding: all, as: UTF8.self)
            }
        }
    }

    @Test("a stream that was read to its end leaves the connection to the next")
    func keptOpen() async throws {
        let found = try await Self.two(pieces: .max) { _, connection in
            for text in ["one", "two"] {
                connection.readRequest()
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\(text)")
            }
            connection.finish()
        }
        #expect(found == ["one", "two"])
    }

    @Test("the end of a stream that nobody has waited for is not taken for the next one's answer")
    func leftOpen() async throws {
        let found = try await Self.two(pieces: 1) { number, connection in
            connection.readRequest()
            connection.send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\(number == 1 ? "one" : "two")\r\n")
            // On the first connection nothing comes before the client sends something or hangs up.
            if number == 1 { connection.readRequest() }
            connection.send("0\r\n\r\n")
            connection.finish()
        }
        #expect(found == ["one", "two"])
    }

    @Test("one that breaks is no end", arguments: ["5\r\nhel", "5\r\nhello\r\n", "5\r\nhello\r\n0\r\n"])
    func broken(text: String) async throws {
        let found = try await Self.pieces("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(text)")
        #expect(found == .failure(.ended(.receiving)))
    }
}
