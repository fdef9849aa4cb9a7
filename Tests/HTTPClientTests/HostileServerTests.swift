import HTTPClient
import TestSupport
import Testing

@Suite("servers that misbehave", .timeLimit(.minutes(10)))
struct HostileServerTests {
    /// What a client gets that asks such a server so often, on one connection where the server keeps it.
    private static func answers(
        _ count: Int = 1, _ serve: @escaping @Sendable (RawServerConnection) -> Void
    ) async throws -> (answers: [Result<Answer, ClientError>], connections: Int) {
        let server = try RawServer(serve)
        defer { server.stop() }
        let url = ServerURL(host: "127.0.0.1", port: server.port)
        let answers = try await blocking {
            let client = try HTTPClient(url)
            return (0..<count).map { _ in
                Result { () throws(ClientError) in try client.exchange(HTTPClient.message("GET", "/", to: url)) }
            }
        }
        return (answers, server.connections)
    }

    private static func first(_ text: String) async throws -> Result<Answer, ClientError>? {
        try await answers { connection in
            connection.readRequest()
            connection.send(text)
            connection.finish()
        }.answers.first
    }

    @Test("a connection is kept for the next request, and opened again where the server has ended it")
    func kept() async throws {
        let keeping = try await Self.answers(3) { connection in
            while connection.readRequest() { connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") }
        }
        #expect(keeping.connections == 1 && keeping.answers.allSatisfy { (try? $0.get())?.body == Array("ok".utf8) })
        let ending = try await Self.answers(3) { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
        }
        #expect(ending.connections == 3 && ending.answers.allSatisfy { (try? $0.get())?.closes == true })
    }

    @Test(
        "what is asked on a kept connection that ends before anything is said is asked again on another, where it may be",
        arguments: ["GET", "DELETE", "POST"])
    func endedWhileAsked(method: String) async throws {
        let server = try RawServer { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            // The next is read, and then nobody is there any more.
            connection.readRequest()
        }
        defer { server.stop() }
        let url = ServerURL(host: "127.0.0.1", port: server.port)
        let answers = try await blocking {
            let client = try HTTPClient(url)
            return (0..<2).map { _ in
                Result { () throws(ClientError) in try client.exchange(HTTPClient.message(method, "/", to: url)) }
            }
        }
        #expect(try answers[0].get().body == Array("ok".utf8))
        if method == "POST" {
            #expect(server.connections == 1 && server.requests.count == 2)
            #expect(throws: ClientError.self) { try answers[1].get() }
        } else {
            #expect(try answers[1].get().body == Array("ok".utf8))
            #expect(server.connections == 2 && server.requests.count == 3)
        }
    }

    @Test("announcements come before the answer, and are none")
    func interim() async throws {
        let text = String(repeating: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", count: 9)
        let answer = try await Self.first(text + "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
        #expect(try answer?.get().status == 404)
    }

    @Test(
        "what has no end, or ends too early, is an error",
        arguments: [
            ("", ClientError.ended(.receiving)), ("HTTP/1.1 200 OK\r\nContent-", .ended(.receiving)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", .ended(.receiving)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhello", .malformed(.excess(1))),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", .ended(.receiving)),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", .ended(.receiving)),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", .malformed(.chunk)),
            ("HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 20_000), .malformed(.tooLong)),
            (String(repeating: "HTTP/1.1 100 Go\r\n\r\n", count: 2_000), .malformed(.tooLong)),
            ("220 mail.test ESMTP\r\n", .malformed(.notHTTP("220 mail.test ESMTP"))),
        ])
    func errors(text: String, error: ClientError) async throws {
        #expect(try await Self.first(text) == .failure(error))
    }

    @Test("an answer counts that comes before the request was read")
    func early() async throws {
        let server = try RawServer { connection in
            connection.send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            connection.finish()
        }
        defer { server.stop() }
        let url = ServerURL(host: "127.0.0.1", port: server.port)
        let answer = try await blocking {
            try HTTPClient(url).exchange(
                HTTPClient.message("POST", "/", to: url, body: [UInt8](repeating: 97, count: 4 << 20)))
        }
        #expect(answer.status == 413)
    }

    @Test("nobody there is told with the address")
    func nobody() async throws {
        let server = try RawServer { _ in }
        server.stop()
        let url = ServerURL(host: "127.0.0.1", port: server.port)
        let answer = try await blocking {
            Result { () throws(ClientError) in
                try HTTPClient(url).exchange(HTTPClient.message("GET", "/", to: url))
            }
        }
        #expect(answer == .failure(.unreachable("127.0.0.1, port \(server.port)", "Connection refused")))
    }
}
