import HTTPTypes
import TestSupport

@testable import HTTP

/// Many requests of all kinds that are sent at once, each with its number as its id, which its answer has too.
struct Pipeline {
    private(set) var bytes: [UInt8] = []
    private(set) var count = 0

    /// So many requests of the same form.
    init(_ count: Int, get path: String) {
        for _ in 0..<count { add("GET \(path)") }
    }

    /// So many requests of random forms.
    init(_ count: Int, _ random: inout SeededRandom) {
        for _ in 0..<count { addRandom(&random) }
    }

    /// The same, of which the last asks for the connection's end.
    func closing() -> Pipeline {
        var pipeline = self
        pipeline.add("GET /now", "Connection: close\r\n")
        return pipeline
    }

    private mutating func add(_ line: String, _ fields: String = "", _ body: String = "") {
        bytes += "\(line) HTTP/1.1\r\nHost: a\r\nX-Request-Id: \(count)\r\n\(fields)\r\n\(body)".utf8
        count += 1
    }

    private mutating func addRandom(_ random: inout SeededRandom) {
        let body = String(repeating: "x", count: .random(in: 0...3_000, using: &random))
        switch Int.random(in: 0..<9, using: &random) {
        case 0: add("GET /now")
        case 1: add("GET /later")
        case 2: add("GET /stream")
        case 3: add("POST /count", "Content-Length: \(body.utf8.count)\r\n", body)
        case 4: add("POST /count", "Transfer-Encoding: chunked\r\n", Self.chunked(body, &random))
        case 5: add("POST /early", "Content-Length: \(body.utf8.count)\r\n", body)
        case 6: add("POST /none", "Content-Length: \(body.utf8.count)\r\n", body)
        case 7: add("GET /now", "Transfer-Encoding: chunked\r\n", Self.chunked(body, &random))
        default: add("HEAD /later")
        }
    }

    private static func chunked(_ body: String, _ random: inout SeededRandom) -> String {
        var rest = body.utf8[...]
        var text = ""
        while !rest.isEmpty {
            let chunk = rest.prefix(.random(in: 1...900, using: &random))
            rest = rest.dropFirst(chunk.count)
            text += "\(String(chunk.count, radix: 16))\r\n\(Substring(chunk))\r\n"
        }
        return text + "0\r\n\r\n"
    }

    /// The numbers of the answers in `text`, in order.
    static func numbers(in text: String) -> [Int] {
        text.split(separator: "\r\n").compactMap { line in
            line.hasPrefix("X-Request-Id: ") ? Int(line.dropFirst("X-Request-Id: ".count)) : nil
        }
    }

    /// Handlers for these requests: some answer on the event loop, some later, some bit by bit, some before they have
    /// read what they could.
    static func addRoutes(to router: inout Router) {
        router.get("/now", .immediate { _ in Response(status: .ok, text: "now") })
        router.get("/later", .deferred { _ in Response(status: .ok, text: "later") })
        router.get(
            "/stream",
            .deferred { _ in
                Response(
                    status: .ok,
                    body: .stream(length: nil) { writer in
                        for _ in 0..<4 { try await writer.write([UInt8](repeating: 0x79, count: 700)) }
                    })
            })
    }
}

extension Limits {
    /// The least that `vigil serve` takes for each.
    static let smallest: Limits = {
        var limits = Limits()
        limits.maxTargetBytes = 64
        limits.maxHeaderLineBytes = 256
        limits.maxHeaderBytes = 1_024
        limits.maxHeaderFields = 8
        limits.maxChunkExtensionBytes = 0
        limits.maxTrailerBytes = 2
        limits.maxPipelinedBytes = 1_024
        limits.maxWaitingBodyBytes = 1_024
        limits.maxWaitingOutputBytes = 1_024
        limits.readBufferBytes = 1_024
        return limits
    }()
}
