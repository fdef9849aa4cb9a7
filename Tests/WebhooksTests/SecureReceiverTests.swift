import TLS
import TestSupport
import Testing

@testable import Webhooks

/// Certificates are made by the openssl program; without it (Debian's package openssl) these tests are skipped.
@Suite("receivers with TLS", .enabled(if: Certificates.shared != nil), .timeLimit(.minutes(10)))
struct SecureReceiverTests {
    private static func deliver(
        to host: String, certificate: String, trust: TLSClientContext? = nil
    ) async throws -> (DeliveryVerdict, [ReceivedRequest]) {
        let certificates = try #require(Certificates.shared)
        let receiver = try RawServer.answering(
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", tls: certificates.server(certificate))
        defer { receiver.stop() }
        let sender = try Senders.make(
            resolver: FixedResolver(["hooks.test": ["127.0.0.1"], "HOOKS.test": []]),
            trust: trust ?? certificates.client())
        let verdict = try await Senders.deliver(to: "https://\(host):\(receiver.port)/a", by: sender)
        return (verdict, receiver.requests)
    }

    @Test(
        "a certificate of a trusted authority for the name, or for the address, is good",
        arguments: ["hooks.test", "127.0.0.1"])
    func good(host: String) async throws {
        let (verdict, requests) = try await Self.deliver(to: host, certificate: "good")
        #expect(verdict == .delivered)
        #expect(requests.map(\.line) == ["POST /a HTTP/1.1"])
    }

    @Test(
        "a certificate that is no good is a failure in plain words, and no notice is sent",
        arguments: [
            ("hooks.test", "stranger", "is signed by no authority that is trusted here"),
            ("hooks.test", "other-name", "does not name hooks.test"),
            ("hooks.test", "no-name", "does not name hooks.test"),
            ("127.0.0.1", "other-name", "does not name 127.0.0.1"),
            ("hooks.test", "expired", "has expired"),
        ])
    func bad(host: String, certificate: String, problem: String) async throws {
        let (verdict, requests) = try await Self.deliver(to: host, certificate: certificate)
        #expect(verdict.reason == "failed: TLS with the receiver failed: its certificate \(problem)")
        #expect(requests.isEmpty)
    }

    @Test("without our authority its certificates are strangers', whatever the system trusts")
    func systemTrust() async throws {
        let (verdict, requests) = try await Self.deliver(
            to: "hooks.test", certificate: "good", trust: TLSClientContext())
        #expect(verdict.reason.hasSuffix("is signed by no authority that is trusted here"), "\(verdict)")
        #expect(requests.isEmpty)
    }

    @Test("plain HTTP where TLS is expected is a failure, whoever speaks first", arguments: [true, false])
    func plainText(waits: Bool) async throws {
        let receiver = try RawServer { connection in
            if waits { connection.listen(milliseconds: 10_000) }
            connection.send("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            connection.finish()
        }
        defer { receiver.stop() }
        let verdict = try await Senders.deliver(to: "https://hooks.test:\(receiver.port)/")
        #expect(verdict.reason == "failed: the receiver does not speak TLS on this port")
    }

    @Test("a receiver that says nothing during the handshake is given up, one that ends it is a failure")
    func handshakes() async throws {
        let silent = try RawServer { $0.readToEnd() }
        defer { silent.stop() }
        let hasty = try RawServer { $0.listen(milliseconds: 10_000) }
        defer { hasty.stop() }
        let sender = try Senders.make(limits: .init(timeout: .seconds(2)))
        let first = try await Senders.deliver(to: "https://hooks.test:\(silent.port)/", by: sender)
        #expect(first.reason.hasSuffix("the time was over while trying to agree on TLS"), "\(first)")
        let second = try await Senders.deliver(to: "https://hooks.test:\(hasty.port)/")
        #expect(second.reason == "failed: the receiver ended the connection while agreeing on TLS")
    }

    @Test("a file of authorities that can't be used is named")
    func badAuthorities() {
        #expect(throws: TLSError.self) {
            try TLSClientContext(TLSClientConfiguration(authorityPath: "/absent/ca.pem"))
        }
    }
}
