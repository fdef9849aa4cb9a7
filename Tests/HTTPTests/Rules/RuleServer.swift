import HTTPTypes
import TestSupport

@testable import HTTP

/// A server whose routes are those of the request examples, and raw connections to it.
struct RuleServer {
    let address: ListenAddress
    let server: HTTPServer

    static func run(
        _ configure: (inout ServerConfiguration) -> Void = { _ in }, _ body: (RuleServer) async throws -> Void
    ) async throws {
        try await TestServer.run(
            router: router,
            {
                $0.timeouts.linger = .milliseconds(200)
                configure(&$0)
            }
        ) {
            try await body(RuleServer(address: .internet($0.address), server: $0.server))
        }
    }

    /// Sends `raw`, ends the client's side, and reads until the server ends its own.
    func ask(_ raw: String) async throws -> String {
        try await talk { client in
            try client.send(raw)
            client.endSending()
            return try client.readToEnd()
        }
    }

    /// Opens a connection for `body` on a thread of its own.
    func talk<Value: Sendable>(_ body: @escaping @Sendable (RawClient) throws -> Value) async throws -> Value {
        let address = address
        return try await blocking { try body(RawClient(to: address)) }
    }

    static func statuses(_ text: String) -> [Int] {
        text.split(separator: "HTTP/1.1 ").compactMap { Int($0.prefix(3)) }.filter { $0 != 100 }
    }

    private static let router: Router = {
        var router = Router()
        router.get("/", .immediate { _ in Response(status: .ok, text: "home") })
        router.get("/path/{name}", .immediate { Response(status: .ok, text: $0.pathParameters["name"] ?? "") })
        router.get("/empty", .immediate { _ in Response(status: .noContent, body: .bytes([1, 2])) })
        router.get("/unchanged", .immediate { _ in Response(status: .notModified, body: .bytes([1, 2])) })
        router.get("/failing", .immediate { _ in throw CancellationError() })
        router.get("/later", .deferred { _ in Response(status: .ok, text: "later") })
        router.get(
            "/stream",
            .immediate { _ in
                Response(
                    status: .ok,
                    body: .stream(length: nil) { writer in for _ in 0..<3 { try await writer.write([97]) } })
            })
        router.get(
            "/large", .immediate { _ in Response(status: .ok, body: .bytes([UInt8](repeating: 97, count: 32 << 20))) })
        router.post(
            "/count", bodyLimit: 1000,
            .deferred { Response(status: .ok, text: "\(try await $0.body.collect(upTo: 1000).count) bytes") })
        router.post(
            "/field", bodyLimit: 1000,
            .deferred { request in
                let text = String(decoding: try await request.body.collect(upTo: 1000), as: UTF8.self)
                return Response(status: .ok, fields: [.location: text])
            })
        router.post(
            "/early", bodyLimit: 1 << 30, .deferred { _ in Response(status: .unprocessableContent, text: "early") })
        return router
    }()
}
