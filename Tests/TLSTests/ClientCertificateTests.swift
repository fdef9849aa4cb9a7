import COpenSSL
import TestSupport
import Testing

@testable import TLS

@Suite("client certificates", .enabled(if: TestCertificates.shared != nil), .timeLimit(.minutes(10)))
struct ClientCertificateTests {
    private static let versions = [TLS1_2_VERSION, TLS1_3_VERSION]

    private static func offer(_ name: String?, _ version: Int32) -> TLSClient.Offer {
        let files = TestCertificates.shared
        let certificate = name.flatMap { name in
            files.map { ($0.path(name + ".pem"), $0.path(name + ".key")) }
        }
        return TLSClient.Offer(versions: version...version, certificate: certificate)
    }

    @Test("handlers learn whom a good certificate names, in resumed sessions too", arguments: versions)
    func good(version: Int32) async throws {
        try await SecureServer.run(TestCertificates.shared?.configuration(clients: "ca")) { server in
            let port = server.port
            let answers = try await blocking {
                let first = try TLSClient.connected(port, Self.offer("client", version))
                let ask = "GET /whoami HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                try first.send(ask)
                let answer = try first.readTextToEnd()
                let second = try TLSClient.connected(port, Self.offer(nil, version), resuming: first.session)
                try second.send(ask)
                return [answer, try second.readTextToEnd(), "\(second.isResumed)"]
            }
            #expect(answers[0].hasSuffix("CN=client,O=Vigil"))
            #expect(answers[1].hasSuffix("CN=client,O=Vigil"))
            #expect(answers[2] == "true")
        }
    }

    @Test("none, an expired one and a stranger's get an alert, and the next client is served", arguments: versions)
    func bad(version: Int32) async throws {
        try await SecureServer.run(TestCertificates.shared?.configuration(clients: "ca")) { server in
            let cases = [
                (nil, version == TLS1_3_VERSION ? "alert certificate required" : "alert handshake failure"),
                ("expired-client", "alert certificate expired"), ("stranger", "alert unknown ca"),
            ]
            for (name, words) in cases {
                await expectFailure(server, Self.offer(name, version), saying: words)
                try await server.expectHealthy(Self.offer("client", version))
            }
        }
    }

    @Test("where none is asked for, handlers see nobody")
    func unasked() async throws {
        try await SecureServer.run { server in
            let port = server.port
            let text = try await blocking {
                let client = try TLSClient.connected(port, Self.offer("client", TLS1_3_VERSION))
                try client.send("GET /whoami HTTP/1.1\r\nHost: a\r\n\r\n")
                return try client.read(until: "nobody")
            }
            #expect(text.hasPrefix("HTTP/1.1 200"))
        }
    }
}
