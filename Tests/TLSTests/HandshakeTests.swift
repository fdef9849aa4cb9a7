import COpenSSL
import TestSupport
import Testing

@testable import TLS

/// Certificates are made by the openssl program; without it (Debian's package openssl) these tests are skipped.
@Suite("handshakes", .enabled(if: TestCertificates.shared != nil), .timeLimit(.minutes(10)))
struct HandshakeTests {
    @Test("TLS 1.2 and 1.3 are spoken", arguments: [(TLS1_2_VERSION, "TLSv1.2"), (TLS1_3_VERSION, "TLSv1.3")])
    func versions(version: Int32, name: String) async throws {
        try await SecureServer.run { server in
            let port = server.port
            let spoken = try await blocking {
                try TLSClient.connected(port, .init(versions: version...version)).version
            }
            #expect(spoken == name)
        }
    }

    @Test("older versions get an alert, and the next connection is fine", arguments: [TLS1_VERSION, TLS1_1_VERSION])
    func oldVersions(version: Int32) async throws {
        try await SecureServer.run { server in
            let offer = TLSClient.Offer(versions: version...version, ciphers: "ALL:@SECLEVEL=0")
            await expectFailure(server, offer, saying: "alert protocol version")
            try await server.expectHealthy()
        }
    }

    @Test(
        "Mozilla's intermediate ciphers are taken",
        arguments: [
            "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305",
            "DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-CHACHA20-POLY1305",
        ])
    func goodCiphers(cipher: String) async throws {
        try await SecureServer.run(TestCertificates.shared?.configuration("rsa")) { server in
            try await server.expectHealthy(.init(versions: TLS1_2_VERSION...TLS1_2_VERSION, ciphers: cipher))
        }
    }

    @Test(
        "ciphers without forward secrecy or authenticated encryption are refused",
        arguments: [
            "AES128-SHA", "AES256-SHA256", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384",
            "DHE-RSA-AES256-SHA", "ADH-AES128-GCM-SHA256", "NULL-SHA256",
        ])
    func weakCiphers(cipher: String) async throws {
        try await SecureServer.run(TestCertificates.shared?.configuration("rsa")) { server in
            let offer = TLSClient.Offer(
                versions: TLS1_2_VERSION...TLS1_2_VERSION, ciphers: cipher + ":@SECLEVEL=0")
            await expectFailure(server, offer, saying: "alert handshake failure")
            try await server.expectHealthy()
        }
    }

    @Test(
        "ALPN chooses http/1.1, or nothing where nothing is offered",
        arguments: [(["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"), ([], nil)] as [([String], String?)])
    func protocols(offered: [String], chosen: String?) async throws {
        try await SecureServer.run { server in
            let port = server.port
            let found = try await blocking { try TLSClient.connected(port, .init(protocols: offered)).chosenProtocol }
            #expect(found == chosen)
        }
    }

    @Test("who speaks h2 alone is told so (RFC 7301, 3.2)")
    func otherProtocols() async throws {
        try await SecureServer.run { server in
            await expectFailure(server, .init(protocols: ["h2", "spdy/3"]), saying: "alert no application protocol")
            try await server.expectHealthy()
        }
    }

    @Test("a handshake that comes byte by byte succeeds (rule 28)", arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func dripped(version: Int32) async throws {
        try await SecureServer.run { server in
            try await server.expectHealthy(.init(versions: version...version, drips: true))
        }
    }

    @Test("sessions are resumed (rule 28)", arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func resumption(version: Int32) async throws {
        try await SecureServer.run { server in
            let port = server.port
            let resumed = try await blocking {
                let offer = TLSClient.Offer(versions: version...version)
                let first = try TLSClient.connected(port, offer)
                try first.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                // TLS 1.3 brings the session with the first bytes after the handshake.
                _ = try first.readToEnd()
                return [first, try TLSClient.connected(port, offer, resuming: first.session)].map(\.isResumed)
            }
            #expect(resumed == [false, true])
        }
    }

    @Test("a second handshake within the connection is refused (rule 28)")
    func renegotiation() async throws {
        try await SecureServer.run { server in
            let port = server.port
            await #expect {
                try await blocking {
                    let client = try TLSClient.connected(port, .init(versions: TLS1_2_VERSION...TLS1_2_VERSION))
                    try client.renegotiate()
                }
            } throws: { "\($0)".contains("no renegotiation") }
            try await server.expectHealthy()
        }
    }

    @Test("keys may be changed within the connection (TLS 1.3)")
    func keyUpdate() async throws {
        try await SecureServer.run { server in
            let port = server.port
            let text = try await blocking {
                let client = try TLSClient.connected(port)
                for _ in 0..<5 {
                    try client.updateKeys()
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    _ = try client.read(until: "home")
                }
                try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                return try client.readTextToEnd()
            }
            #expect(text.hasSuffix("home"))
        }
    }
}

/// The handshake, or the first answer after it, fails with these words.
func expectFailure(
    _ server: SecureServer, _ offer: TLSClient.Offer, saying words: String,
    sourceLocation: SourceLocation = #_sourceLocation
) async {
    let port = server.port
    await #expect(sourceLocation: sourceLocation) {
        try await blocking {
            let client = try TLSClient.connected(port, offer)
            // TLS 1.3: the server's word on a client's certificate comes after the client's handshake is over.
            try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try client.read(until: "home")
        }
    } throws: {
        let isAsExpected = "\($0)".contains(words)
        if !isAsExpected { Issue.record("\($0)", sourceLocation: sourceLocation) }
        return isAsExpected
    }
}
