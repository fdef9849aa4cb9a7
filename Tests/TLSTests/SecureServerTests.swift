import COpenSSL
import TestSupport
import Testing

@testable import HTTP
@testable import TLS

@Suite("HTTP over TLS", .enabled(if: TestCertificates.shared != nil), .timeLimit(.minutes(10)))
struct SecureServerTests {
    @Test("uploads come whole, by length and in chunks", arguments: [0, 1, 16_384, 524_288, 3_000_001])
    func uploads(size: Int) async throws {
        try await SecureServer.run { server in
            let port = server.port
            let text = try await blocking {
                let client = try TLSClient.connected(port)
                let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                try client.send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
                if size > 0 { try client.send(body) }
                var text = try client.read(until: ".\n")
                try client.send("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                for start in stride(from: 0, to: size, by: 99_999) {
                    let chunk = body[start..<min(size, start + 99_999)]
                    try client.send("\(String(chunk.count, radix: 16))\r\n")
                    try client.send(Array(chunk))
                    try client.send("\r\n")
                }
                try client.send("0\r\n\r\n")
                text += try client.read(until: ".\n")
                return text
            }
            let sum = (0..<size).reduce(0) { $0 + Int(UInt8(truncatingIfNeeded: $1 &* 31)) }
            #expect(text.components(of: "\r\n\r\n\(size) bytes, sum \(sum).") == 2)
        }
    }

    @Test("pipelined requests are answered in order, in one record and in many")
    func pipelining() async throws {
        try await SecureServer.run { server in
            let port = server.port
            for isOneRecord in [true, false] {
                let text = try await blocking {
                    let client = try TLSClient.connected(port)
                    let requests = (0..<50).map {
                        "GET \($0 % 3 == 0 ? "/" : "/async/\($0)") HTTP/1.1\r\nHost: a\r\n\r\n"
                    }
                    for request in isOneRecord ? [requests.joined()] : requests { try client.send(request) }
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    return try client.readTextToEnd()
                }
                #expect(text.bodies == (0..<50).map { $0 % 3 == 0 ? "home" : "async \($0)" } + ["home"])
            }
        }
    }

    @Test("a long pipeline in one write is answered whole, with every limit small too", arguments: [250, 300, 2_000])
    func longPipeline(count: Int) async throws {
        for isSmall in [false, true] {
            let configure: (inout ServerConfiguration) -> Void = { configuration in
                configuration.timeouts.keepAliveIdle = .seconds(20)
                guard isSmall else { return }
                configuration.limits.maxPipelinedBytes = 1_024
                configuration.limits.maxWaitingOutputBytes = 1_024
                configuration.limits.readBufferBytes = 1_024
            }
            try await SecureServer.run(nil, configure) { server in
                let port = server.port
                let text = try await blocking {
                    let client = try TLSClient.connected(port)
                    let requests = (0..<count).map {
                        "GET \($0 % 3 == 1 ? "/async/\($0)" : "/") HTTP/1.1\r\nHost: a\r\n\r\n"
                    }
                    try client.send(requests.joined())
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    return try client.readTextToEnd()
                }
                #expect(text.bodies == (0..<count).map { $0 % 3 == 1 ? "async \($0)" : "home" } + ["home"])
            }
        }
    }

    @Test("a request whose bytes come in records of one byte is read")
    func tinyRecords() async throws {
        try await SecureServer.run { server in
            let port = server.port
            let text = try await blocking {
                let client = try TLSClient.connected(port)
                for byte in "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc".utf8 {
                    try client.send([byte])
                }
                return try client.read(until: ".\n")
            }
            #expect(text.hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test("a long answer comes whole to a client that is slow to take it")
    func longAnswer() async throws {
        try await SecureServer.run { server in
            let port = server.port
            let answer = try await blocking {
                let client = try TLSClient.connected(port)
                // Nothing is read until the server's buffers, and the socket's, are full of the first of them.
                for _ in 0..<3 { try client.send("GET /long HTTP/1.0\r\n\r\n") }
                return try client.readToEnd()
            }
            let body = (0..<300).flatMap { [UInt8](repeating: UInt8($0 % 251), count: 10_007) }
            #expect(Array(answer.suffix(body.count)) == body)
        }
    }

    @Test(
        "plain HTTP is answered with 400 that says why, from its first byte on (rule 28)",
        arguments: ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "DELETE /jobs/1 HTTP/1.1\r\n\r\n", "\r\nGET /", "G", "get"])
    func plainText(request: String) async throws {
        try await SecureServer.run { server in
            let port = server.port
            let answer = try await blocking {
                let socket = try RawClient(port: port)
                try socket.send(Array(request.utf8))
                return try socket.readToEnd()
            }
            #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            #expect(answer.hasSuffix("tls-required"))
            try await server.expectHealthy()
        }
    }

    @Test(
        "what is neither TLS nor HTTP ends the connection, and the next is fine",
        arguments: [
            [0], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [22, 3, 1, 0xFF, 0xFF, 1], [22, 3, 1, 0, 1, 1],
            [0x80, 0x2E, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10], [21, 3, 3, 0, 2, 2, 40], [23, 3, 3, 0, 1, 0],
        ] as [[UInt8]])
    func garbage(bytes: [UInt8]) async throws {
        try await SecureServer.run { server in
            let port = server.port
            let answer = try await blocking {
                let socket = try RawClient(port: port)
                try socket.send(bytes + [UInt8](repeating: 0, count: 40))
                socket.endSending()
                return try socket.readToEnd()
            }
            #expect(!answer.contains("HTTP/1.1"))
            try await server.expectHealthy()
        }
    }

    @Test("a client that ends without close_notify is answered, if its request was complete (rule 28)")
    func abruptEnd() async throws {
        try await SecureServer.run { server in
            let port = server.port
            let answers = try await blocking {
                let requests = [
                    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                    "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab",
                ]
                return try requests.map { request in
                    let client = try TLSClient.connected(port)
                    try client.send(request)
                    client.endSendingAbruptly()
                    return try client.readTextToEnd()
                }
            }
            #expect(answers[0].hasPrefix("HTTP/1.1 200") && answers[0].hasSuffix("home"))
            #expect(answers[1].hasPrefix("HTTP/1.1 400"))
            try await server.expectHealthy()
        }
    }

    @Test("a client that ends with close_notify first is answered, and told the end")
    func politeEnd() async throws {
        try await SecureServer.run { server in
            let port = server.port
            let answer = try await blocking {
                let client = try TLSClient.connected(port, .init(versions: TLS1_3_VERSION...TLS1_3_VERSION))
                try client.send("GET /async/1 HTTP/1.1\r\nHost: a\r\n\r\n")
                try client.sayGoodbye()
                return try client.readTextToEnd()
            }
            #expect(answer.hasSuffix("async 1"))
        }
    }

    @Test("a client that resets while it is answered ends nothing but its connection")
    func resets() async throws {
        try await SecureServer.run { server in
            let port = server.port
            try await blocking {
                for _ in 0..<20 {
                    let client = try TLSClient.connected(port)
                    try client.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
                    client.reset()
                }
            }
            try await server.expectHealthy()
        }
    }
}

extension String {
    /// How often `part` stands in it.
    func components(of part: String) -> Int { split(separator: part, omittingEmptySubsequences: false).count - 1 }

    /// The bodies of answers that follow each other.
    var bodies: [String] {
        split(separator: "HTTP/1.1 200 OK").map { String($0.split(separator: "\r\n\r\n").last ?? "") }
    }
}
