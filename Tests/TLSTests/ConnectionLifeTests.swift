import COpenSSL
import Foundation
import TestSupport
import Testing

@testable import HTTP
@testable import TLS

@Suite("a TLS connection's life", .enabled(if: TestCertificates.shared != nil), .timeLimit(.minutes(10)))
struct ConnectionLifeTests {
    @Test("a client that does not shake hands in time is let go, dripping or silent (rule 28)")
    func handshakeTimeout() async throws {
        try await SecureServer.run(nil) {
            $0.timeouts.handshake = .seconds(2)
        } _: { server in
            let port = server.port
            let rests = try await blocking {
                let sockets = try ([[], [22, 3], [22, 3, 1, 0, 100, 1, 0]] as [[UInt8]]).map { first in
                    let socket = try RawClient(port: port)
                    try socket.send(first)
                    return socket
                }
                return try sockets.map { try $0.readToEnd() }
            }
            #expect(rests == ["", "", ""])
            #expect(server.server.statistics.acceptedConnections == 3)
            try await server.expectHealthy()
        }
    }

    @Test("an idle connection ends with close_notify")
    func idle() async throws {
        try await SecureServer.run(nil) {
            $0.timeouts.keepAliveIdle = .seconds(2)
        } _: { server in
            let port = server.port
            let rest = try await blocking {
                let client = try TLSClient.connected(port)
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try client.read(until: "home")
                return try client.readToEnd()
            }
            #expect(rest == [])
        }
    }

    @Test("an answer that breaks off has no close_notify, so that it does not look whole")
    func brokenAnswer() async throws {
        try await SecureServer.run(nil) { _ in
        } routes: { router in
            router.get(
                "/broken",
                .immediate { _ in
                    Response(
                        status: .ok,
                        body: .stream(length: nil) { writer in
                            try await writer.write(Array("part".utf8))
                            throw CancellationError()
                        })
                })
        } _: { server in
            let port = server.port
            await #expect {
                try await blocking {
                    let client = try TLSClient.connected(port)
                    try client.send("GET /broken HTTP/1.0\r\n\r\n")
                    return try client.readToEnd()
                }
            } throws: { "\($0)".contains("without close_notify") }
        }
    }

    @Test("a shutdown answers what is under way, and ends idle connections with close_notify")
    func shutdown() async throws {
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let (released, release) = AsyncStream<Void>.makeStream()
        try await SecureServer.run(nil) { _ in
        } routes: { router in
            router.get(
                "/held",
                .deferred { _ in
                    begin.finish()
                    for await _ in released {}
                    return Response(status: .ok, text: "held")
                })
        } _: { server in
            let port = server.port
            async let busy = blocking {
                let client = try TLSClient.connected(port)
                try client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n")
                return try client.readTextToEnd()
            }
            let (answered, answer) = AsyncStream<Void>.makeStream()
            async let idle = blocking {
                defer { answer.finish() }
                let client = try TLSClient.connected(port)
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try client.read(until: "home")
                answer.finish()
                return try client.readToEnd()
            }
            for await _ in begun {}
            for await _ in answered {}
            let ended = Task { await server.server.shutdown(grace: .seconds(20)) }
            #expect(try await idle == [])
            release.finish()
            let held = try await busy
            #expect(held.contains("Connection: close") && held.hasSuffix("held"))
            await ended.value
        }
    }

    @Test("beyond the limit, where all are at a request, a client is told 503 over TLS")
    func tooMany() async throws {
        try await SecureServer.run(nil) {
            $0.limits.maxConnections = 1
        } _: { server in
            let port = server.port
            let answer = try await blocking {
                let first = try TLSClient.connected(port)
                try first.send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
                let answer = try TLSClient.connected(port).readTextToEnd()
                try first.send("cde")
                _ = try first.read(until: "5 bytes")
                return answer
            }
            #expect(answer.hasPrefix("HTTP/1.1 503") && answer.hasSuffix("too-many-connections"))
        }
    }

    @Test("beyond the limit, an idle connection over TLS makes room, and is told by close_notify")
    func displaced() async throws {
        try await SecureServer.run(nil) {
            $0.limits.maxConnections = 1
        } _: { server in
            let port = server.port
            let (first, second) = try await blocking {
                let idle = try TLSClient.connected(port)
                try idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try idle.read(until: "home")
                let next = try TLSClient.connected(port)
                try next.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                return (try idle.readTextToEnd(), try next.readTextToEnd())
            }
            #expect(first.isEmpty && second.hasPrefix("HTTP/1.1 200") && second.hasSuffix("home"))
        }
    }

    @Test("a replaced certificate is for new connections; those that are open go on with theirs")
    func replaced() async throws {
        let certificates = try #require(TestCertificates.shared)
        let folder = try CertificateFolder(certificates)
        try await SecureServer.run(folder.configuration) { server in
            let port = server.port
            let credentials = server.credentials
            let names = try await blocking {
                let old = try TLSClient.connected(port)
                let session = old.session
                try folder.put("renewed")
                try credentials.reload()
                let new = try TLSClient.connected(port, .init(), resuming: session)
                for client in [old, new] {
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    _ = try client.read(until: "home")
                }
                return [old.serverName, new.serverName, new.isResumed ? "resumed" : "fresh"]
            }
            #expect(names == ["server", "renewed", "fresh"])
        }
    }
}

/// A certificate and its key under names that stay while their content changes.
struct CertificateFolder: Sendable {
    private let certificates: TestCertificates
    private let folder: String

    init(_ certificates: TestCertificates) throws {
        self.certificates = certificates
        folder = certificates.path("served-\(UUID().uuidString)")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try put("server")
    }

    var configuration: TLSConfiguration {
        TLSConfiguration(certificatePath: folder + "/tls.pem", keyPath: folder + "/tls.key")
    }

    func put(_ name: String) throws {
        try putCertificate(name)
        try replace("tls.key", with: certificates.path(name + ".key"))
    }

    func putCertificate(_ name: String) throws { try replace("tls.pem", with: certificates.path(name + ".pem")) }

    func putKey(_ name: String) throws { try replace("tls.key", with: certificates.path(name + ".key")) }

    private func replace(_ name: String, with source: String) throws {
        let content = try Data(contentsOf: URL(fileURLWithPath: source))
        // Another file under the name, as tools that renew certificates do it.
        try content.write(to: URL(fileURLWithPath: "\(folder)/\(name)"), options: .atomic)
    }
}
