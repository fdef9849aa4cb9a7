public import HTTP
import HTTPTypes
import Logging
public import Platform

/// A server on a free port for one test.
public struct TestServer: Sendable {
    /// The server.
    public let server: HTTPServer
    /// Where it listens.
    public let address: SocketAddress

    /// Its port, on this machine.
    public var port: UInt16 { address.port }

    /// Starts a server, runs `body` against it, and shuts it down.
    public static func run(
        router: Router, _ configure: (inout ServerConfiguration) -> Void = { _ in },
        _ body: (TestServer) async throws -> Void
    ) async throws {
        var configuration = ServerConfiguration()
        configuration.eventLoops = 2
        configuration.timeouts.linger = .milliseconds(500)
        configure(&configuration)
        let server = HTTPServer(
            configuration: configuration, router: router,
            problemRenderer: { problem, _, _ in Response(status: problem.status, text: problem.slug) },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let address = try await server.start()
        try await body(TestServer(server: server, address: address))
        await server.shutdown(grace: .seconds(5))
    }
}
