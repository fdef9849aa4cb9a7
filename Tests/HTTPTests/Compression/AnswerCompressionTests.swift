import HTTPTypes
import TestSupport
import Testing
import Zlib

@testable import HTTP

@Suite("answers are compressed for clients that ask (rule 26)")
struct AnswerCompressionTests {
    private static let text = String(repeating: "0.123,", count: 500)

    private func encoded(
        _ type: String, _ body: ResponseBody = .bytes(Array(text.utf8)), accept: String? = "gzip",
        status: HTTPResponse.Status = .ok, fields: HTTPFields = [:]
    ) -> Response {
        var fields = fields
        fields[.contentType] = type
        return AnswerCompression().encode(
            Response(status: status, fields: fields, body: body), for: AcceptEncoding(accept))
    }

    static func inflated(_ bytes: [UInt8], _ wrapping: Inflater.Wrapping) throws -> [UInt8] {
        guard var inflater = Inflater(wrapping) else { throw BodyError.malformedCoding("no memory") }
        let (output, used, outcome) = inflater.step(bytes[...], room: 1 << 20)
        guard case .ended = outcome else { throw BodyError.malformedCoding("not whole") }
        #expect(used == bytes.count)
        return output
    }

    @Test(
        "the coding is the client's, and the body inflates to what it was",
        arguments: [("gzip", Inflater.Wrapping.gzip), ("deflate", .zlib)])
    func codings(name: String, wrapping: Inflater.Wrapping) throws {
        let response = encoded("application/json", accept: name)
        #expect(response.fields[.contentEncoding] == name)
        #expect(response.fields[.vary] == "Accept-Encoding")
        guard case .bytes(let bytes) = response.body else {
            Issue.record("no bytes")
            return
        }
        #expect(bytes.count < 200)
        #expect(try Self.inflated(bytes, wrapping) == Array(Self.text.utf8))
    }

    @Test(
        "types that gain by it",
        arguments: [
            ("application/json", true), ("application/problem+json", true), ("text/html; charset=utf-8", true),
            ("application/yaml", true), ("application/x-npy", false), ("application/octet-stream", false),
            ("text/event-stream", false), ("image/png", false), ("nonsense", false),
        ])
    func types(type: String, isCompressed: Bool) {
        let response = encoded(type)
        #expect((response.fields[.contentEncoding] != nil) == isCompressed)
        #expect((response.fields[.vary] != nil) == isCompressed)
        #expect((encoded(type, accept: nil).fields[.vary] != nil) == isCompressed)
    }

    @Test("a compressed stream is cut as any other")
    func cut() async throws {
        let response = encoded("application/json", .stream(length: 10_000) { $0.cut() })
        guard case .stream(nil, let produce) = response.body else {
            Issue.record("no stream")
            return
        }
        let (cuts, sender) = AsyncStream<Void>.makeStream()
        try await produce(ResponseWriter({ _ in }, cut: { sender.yield() }))
        sender.finish()
        var count = 0
        for await _ in cuts { count += 1 }
        #expect(count == 1)
    }

    @Test("below 1 KiB an answer goes out as it is, unless that is ruled out")
    func threshold() {
        let small = ResponseBody.bytes(Array(Self.text.utf8.prefix(1_023)))
        #expect(encoded("application/json", small).fields[.contentEncoding] == nil)
        #expect(encoded("application/json", small, accept: "gzip, *;q=0").fields[.contentEncoding] == "gzip")
        let enough = ResponseBody.bytes(Array(Self.text.utf8.prefix(1_024)))
        #expect(encoded("application/json", enough).fields[.contentEncoding] == "gzip")
    }

    @Test("what would not become smaller goes out as it is")
    func dense() {
        var generator = SystemRandomNumberGenerator()
        let noise = (0..<2_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        #expect(encoded("text/plain", .bytes(noise)).fields[.contentEncoding] == nil)
    }

    @Test(
        "Vary keeps what it said",
        arguments: [("Accept", "Accept, Accept-Encoding"), ("*", "*"), ("accept-encoding", "accept-encoding")])
    func vary(before: String, after: String) {
        #expect(encoded("text/plain", fields: [.vary: before]).fields[.vary] == after)
    }

    @Test("the tag of a compressed answer is weak, and 304 to it varies like it")
    func tags() {
        #expect(encoded("text/plain", fields: [.eTag: "\"a\""]).fields[.eTag] == "W/\"a\"")
        #expect(encoded("text/plain", fields: [.eTag: "W/\"a\""]).fields[.eTag] == "W/\"a\"")
        #expect(encoded("text/plain", accept: nil, fields: [.eTag: "\"a\""]).fields[.eTag] == "\"a\"")
        let unchanged = AnswerCompression().encode(
            Response(status: .notModified, fields: [.eTag: "W/\"a\"", .vary: "Accept"]), for: AcceptEncoding("gzip"))
        #expect(unchanged.fields[.vary] == "Accept, Accept-Encoding")
        #expect(unchanged.fields[.contentEncoding] == nil)
    }

    @Test(
        "304 has the tag that the client has: weak where it has that of a compressed answer alone",
        arguments: [
            ("W/\"a\"", "W/\"a\""), ("\"a\"", "\"a\""), ("W/\"a\", \"a\"", "\"a\""),
            ("*", "\"a\""), ("\"b\", W/\"a\"", "W/\"a\""),
        ])
    func unchangedTags(known: String, expected: String) {
        let unchanged = AnswerCompression().encode(
            Response(status: .notModified, fields: [.eTag: "\"a\""]), for: AcceptEncoding("gzip"), known: known)
        #expect(unchanged.fields[.eTag] == expected)
    }

    @Test("an answer that is encoded already is left alone")
    func encodedAlready() {
        #expect(encoded("text/plain", fields: [.contentEncoding: "br"]).fields[.contentEncoding] == "br")
    }

    @Test("a live stream is left alone, one of known length is compressed as it goes")
    func streams() async throws {
        let live = encoded("application/json", .stream(length: nil) { _ in })
        #expect(live.fields[.contentEncoding] == nil)
        let known = encoded(
            "application/json",
            .stream(length: 3_000) { writer in
                for _ in 0..<500 { try await writer.write("0.123,") }
            })
        #expect(known.fields[.contentEncoding] == "gzip")
        guard case .stream(nil, let produce) = known.body else {
            Issue.record("no stream")
            return
        }
        let sink = Sink()
        try await produce(ResponseWriter { await sink.take($0) })
        #expect(try Self.inflated(await sink.bytes, .gzip) == Array(Self.text.utf8))
    }

    @Test("406 is said before the handler runs, where no coding is left")
    func nothingLeft() async {
        let head = RequestHead(
            method: .get, path: "/", fields: HeaderFields([(name: .acceptEncoding, value: "br, *;q=0")]))
        let route = Route(pattern: "/", bodyLimit: nil, handler: .immediate { _ in Response(status: .ok) })
        let problem = await #expect(throws: HTTPProblem.self) {
            try await AnswerCompression().answer(Request(head: head), on: route) { _ in
                Issue.record("the handler ran")
                return Response(status: .ok)
            }
        }
        #expect(problem?.status == .notAcceptable)
    }

    private actor Sink {
        var bytes: [UInt8] = []

        func take(_ piece: [UInt8]) { bytes += piece }
    }
}

@Suite("compression over a socket")
struct CompressionServerTests {
    private static func run(_ body: @escaping @Sendable (RawClient) throws -> Void) async throws {
        var router = Router(through: [AnswerCompression(), RequestInflation()])
        router.get(
            "/long", .deferred { _ in Response(status: .ok, text: String(repeating: "0.123,", count: 500)) })
        router.post(
            "/count", bodyLimit: 1_000,
            .deferred { request in
                Response(status: .ok, text: "\(try await request.body.collect(upTo: 1_000).count) bytes")
            })
        try await TestServer.run(routes: { $0 = router }) { server in
            try await blocking { try body(RawClient(port: server.port)) }
        }
    }

    @Test("HEAD has the head of GET, with the compressed length (rule 15)")
    func head() async throws {
        try await Self.run { client in
            func head(_ method: String) throws -> [Substring] {
                try client.send("\(method) /long HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
                let text = try client.read(until: "\r\n\r\n")
                return text.split(separator: "\r\n\r\n")[0].split(separator: "\r\n").filter {
                    !$0.hasPrefix("Date") && !$0.hasPrefix("X-Request-Id")
                }
            }
            let found = try head("HEAD")
            #expect(found.contains("Content-Encoding: gzip") && found.contains("Vary: Accept-Encoding"))
            #expect(!found.contains("Content-Length: 3000"))
            let other = try head("GET")
            #expect(found == other)
        }
    }

    @Test("compressed bodies are read; a client that expects 100 is told 415 or 413 at once (rules 13, 14)")
    func bodies() async throws {
        let small = try InflationTests.compressed([UInt8](repeating: 65, count: 900))
        let large = try InflationTests.compressed([UInt8](repeating: 65, count: 1_100))
        try await Self.run { client in
            func post(_ fields: String, _ body: [UInt8], until mark: String) throws -> String {
                try client.send("POST /count HTTP/1.1\r\nHost: a\r\n\(fields)\r\nContent-Length: \(body.count)\r\n\r\n")
                try client.send(body)
                return try client.read(until: mark)
            }
            #expect(try post("Content-Encoding: gzip", small, until: "bytes").hasSuffix("900 bytes"))
            #expect(try post("Content-Encoding: gzip", large, until: "content-too-large").contains(" 413 "))
            #expect(try post("Content-Encoding: gzip", [1, 2, 3], until: "unreadable-body").contains(" 400 "))
            try client.send(
                "POST /count HTTP/1.1\r\nHost: a\r\nContent-Encoding: br\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
            )
            let answer = try client.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 415 ") && answer.contains("\r\nAccept-Encoding: gzip, deflate\r\n"))
        }
    }
}
