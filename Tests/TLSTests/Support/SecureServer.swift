import HTTP
import HTTPTypes
import TLS
import TestSupport
import Testing

/// A server with TLS on a free port for one test.
struct SecureServer {
    let server: HTTPServer
    let port: UInt16
    let credentials: TLSCredentials

    /// Starts a server, runs `body` against it, and shuts it down.
    static func run(
        _ files: TLSConfiguration? = nil, _ configure: (inout ServerConfiguration) -> Void = { _ in },
        routes: (inout Router) -> Void = { _ in }, _ body: (SecureServer) async throws -> Void
    ) async throws {
        let certificates = try #require(TestCertificates.shared)
        let credentials = try TLSCredentials(files ?? certificates.configuration())
        var router = Self.router
        routes(&router)
        try await TestServer.run(
            router: router,
            {
                $0.tls = credentials
                configure(&$0)
            }
        ) {
            try await body(SecureServer(server: $0.server, port: $0.port, credentials: credentials))
        }
    }

    /// The next connection is fine, whatever the one before did.
    func expectHealthy(_ offer: TLSClient.Offer = .init()) async throws {
        let port = port
        let text = try await blocking {
            let client = try TLSClient.connected(port, offer)
            try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            return try client.readTextToEnd()
        }
        #expect(text.hasPrefix("HTTP/1.1 200") && text.hasSuffix("home"))
    }

    private static let router: Router = {
        var router = Router()
        router.get("/", .immediate { _ in Response(status: .ok, text: "home") })
        router.get("/async/{n}", .deferred { Response(status: .ok, text: "async \($0.pathParameters["n"] ?? "")") })
        router.get("/whoami", .immediate { Response(status: .ok, text: $0.clientCertificate?.subject ?? "nobody") })
        router.get(
            "/long",
            .immediate { _ in
                Response(
                    status: .ok,
                    body: .stream(length: nil) { writer in
                        for number in 0..<300 {
                            try await writer.write([UInt8](repeating: UInt8(number % 251), count: 10_007))
                        }
                    })
            })
        router.post(
            "/count", bodyLimit: 8 << 20,
            .deferred { request in
                var count = 0
                var sum = 0
                for try await piece in request.body {
                    count += piece.count
                    sum = piece.reduce(sum) { $0 &+ Int($1) }
                }
                return Response(status: .ok, text: "\(count) bytes, sum \(sum).\n")
            })
        return router
    }()
}
