import HTTPTypes
import Testing

@testable import HTTP

@Suite("answers")
struct AnswerTests {
    private func sent(_ raw: String) -> String {
        let connection = StateHarness()
        connection.feed(raw)
        return connection.sent
    }

    @Test("an answer has a date, an id, nosniff, a length and no version of the server (rule 27)")
    func head() {
        #expect(
            sent("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: my-id\r\n\r\n")
                == "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n"
                + "X-Request-Id: my-id\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 4\r\n\r\nhome")
    }

    @Test("HEAD gets the head of GET and nothing else (rule 15)")
    func headMethod() {
        let get = sent("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(sent("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n") + "home" == get)
    }

    @Test("405 and OPTIONS name the methods (rule 16)", arguments: ["DELETE", "OPTIONS"])
    func allow(method: String) {
        #expect(sent("\(method) / HTTP/1.1\r\nHost: a\r\n\r\n").contains("\r\nAllow: GET, HEAD, OPTIONS\r\n"))
    }

    @Test("204 and 304 have no body and no length (rule 24)", arguments: ["/empty", "/unchanged"])
    func noContent(path: String) {
        let answer = sent("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(answer.hasSuffix("\r\n\r\n"))
        #expect(!answer.contains("Content-Length"))
    }

    @Test("values can't end their line (rule 25)")
    func injection() {
        let connection = StateHarness(answersDeferred: false)
        connection.feed("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.answer(Response(status: .ok, fields: [.location: "/a\r\nSet-Cookie: b\u{0}"]))
        #expect(!connection.sent.contains("\r\nSet-Cookie"))
        #expect(!connection.sent.contains("\u{0}"))
    }

    @Test("the server's own fields are not the handler's")
    func ownFields() {
        let connection = StateHarness(answersDeferred: false)
        connection.feed("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.answer(
            Response(
                status: .ok,
                fields: [
                    .contentLength: "99", .transferEncoding: "chunked", .date: "never", .server: "never",
                    .trailer: "never", .upgrade: "never", .connection: "never", .requestID: "never",
                    .xContentTypeOptions: "never", .allow: "mine",
                ]))
        #expect(connection.sent.contains("\r\nContent-Length: 0\r\n"))
        #expect(connection.sent.contains("\r\nAllow: mine\r\n"))
        #expect(!connection.sent.contains("chunked") && !connection.sent.contains("never"))
    }

    @Test("a handler can end the connection, and can't answer with 1xx")
    func handlerCloses() {
        let connection = StateHarness(answersDeferred: false)
        connection.feed("GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /later HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.answer(Response(status: .continue))
        connection.answer(Response(status: .ok, fields: [.connection: "close"]))
        #expect(connection.statuses == [500, 200])
        #expect(connection.isHalfClosed)
    }

    @Test(
        "ids that are long or not harmless are replaced",
        arguments: ["", "a b", "a\"b", String(repeating: "a", count: 129)])
    func requestIDs(id: String) {
        #expect(!sent("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: \(id)\r\n\r\n").contains("X-Request-Id: \(id)\r\n"))
    }

    @Test("a decoded path reaches the handler, and the query in order (rule 11)")
    func decoding() {
        #expect(sent("GET /path/%41%20%C3%A4 HTTP/1.1\r\nHost: a\r\n\r\n").hasSuffix("\r\n\r\nA ä"))
        let query = sent("GET /query?b=1+2&a=%26%3D&c&b= HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(query.hasSuffix(#"["b=1 2", "a=&=", "c=", "b="]"#))
    }
}

@Suite("streamed answers")
struct StreamTests {
    private func stream(_ version: String, length: Int?, pieces: [String], failed: Bool = false) -> StateHarness {
        let connection = StateHarness(answersDeferred: false)
        connection.feed("GET /later \(version)\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
        connection.change { state, now in
            let runsProducer = state.answer(
                Response(status: .ok, body: .stream(length: length) { _ in }), now: now)
            #expect(runsProducer)
            for piece in pieces { try? state.write(Array(piece.utf8)) }
            return state.endStream(failed: failed, now: now)
        }
        return connection
    }

    @Test("without a length they go out in chunks (9112, 7.1)")
    func chunked() {
        let connection = stream("HTTP/1.1", length: nil, pieces: ["hello", "", " world, hello"])
        #expect(connection.sent.contains("\r\nTransfer-Encoding: chunked\r\n"))
        #expect(connection.sent.hasSuffix("\r\n\r\n5\r\nhello\r\nd\r\n world, hello\r\n0\r\n\r\n"))
        #expect(!connection.isHalfClosed)
    }

    @Test("HTTP/1.0 gets them up to the end of the connection (rule 17)")
    func untilClose() {
        let connection = stream("HTTP/1.0", length: nil, pieces: ["hello"])
        #expect(!connection.sent.contains("chunked"))
        #expect(connection.sent.hasSuffix("Connection: close\r\n\r\nhello"))
        #expect(connection.isHalfClosed)
    }

    @Test("with a length they keep to it, and too short is cut off")
    func lengths() {
        let exact = stream("HTTP/1.1", length: 5, pieces: ["hel", "lo", "beyond"])
        #expect(exact.sent.hasSuffix("Content-Length: 5\r\n\r\nhello"))
        #expect(!exact.isClosed && !exact.isHalfClosed)
        #expect(stream("HTTP/1.1", length: 5, pieces: ["hel"]).isClosed)
    }

    @Test("one that fails is cut off without its last chunk")
    func failing() {
        let connection = stream("HTTP/1.1", length: nil, pieces: ["hello"], failed: true)
        #expect(!connection.sent.contains("0\r\n\r\n"))
        #expect(connection.isClosed)
    }
}
