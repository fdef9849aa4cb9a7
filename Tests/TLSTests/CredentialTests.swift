import Foundation
import Testing

@testable import TLS

@Suite("certificates and keys", .enabled(if: TestCertificates.shared != nil))
struct CredentialTests {
    private static func configuration(_ certificate: String, _ key: String, _ clients: String? = nil)
        -> TLSConfiguration
    {
        let folder = TestCertificates.shared?.folder ?? ""
        return TLSConfiguration(
            certificatePath: "\(folder)/\(certificate)", keyPath: "\(folder)/\(key)",
            clientAuthorityPath: clients.map { "\(folder)/\($0)" })
    }

    @Test(
        "what can't be used is refused in one sentence that names the file",
        arguments: [
            (configuration("absent.pem", "server.key"), "absent.pem can't be read: No such file"),
            (configuration("server.pem", "absent.key"), "absent.key can't be read: No such file"),
            (configuration(".", "server.key"), "it is not a regular file"),
            (configuration("server.key", "server.key"), "server.key is not what was expected: a certificate"),
            (configuration("server.pem", "server.pem"), "server.pem is not what was expected: a private key"),
            (configuration("server.key", "server.pem"), "server.key is a private key and "),
            (configuration("server.pem", "locked.key"), "locked.key is an encrypted private key"),
            (configuration("server.pem", "rsa.key"), "rsa.key is not the private key of the first certificate"),
            (configuration("short.pem", "short.key"), "short.pem can't be used for TLS: ee key too small"),
            (configuration("server.pem", "server.key", "absent.pem"), "absent.pem can't be read"),
            (configuration("server.pem", "server.key", "ca.key"), "ca.key is not what was expected: a certificate"),
        ])
    func refused(configuration: TLSConfiguration, sentence: String) {
        #expect {
            try TLSContext(configuration)
        } throws: {
            let isAsExpected = "\($0)".contains(sentence) && !"\($0)".contains("\n")
            if !isAsExpected { Issue.record("\($0)") }
            return isAsExpected
        }
    }

    @Test("an encrypted key is opened by its passphrase, also from a file, and by no other")
    func passphrases() throws {
        let certificates = try #require(TestCertificates.shared)
        func open(_ passphrase: TLSPassphrase?) throws -> String {
            let configuration = TLSConfiguration(
                certificatePath: certificates.path("server.pem"), keyPath: certificates.path("locked.key"),
                passphrase: passphrase)
            return try TLSContext(configuration).certificate.subject
        }
        let file = certificates.path("passphrase-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(atPath: file) }
        for text in ["x", "x\n", "x\r\n"] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: file))
            #expect(try open(.file(file)) == "CN=server,O=Vigil")
        }
        #expect(try open(.text("x")) == "CN=server,O=Vigil")
        let wrong = [TLSPassphrase.text("wrong"), .text(""), .text(String(repeating: "x", count: 5_000))]
        for passphrase in wrong {
            #expect(throws: TLSError.wrongPassphrase(path: certificates.path("locked.key"))) { try open(passphrase) }
        }
        #expect(throws: TLSError.encryptedKey(path: certificates.path("locked.key"))) { try open(nil) }
        #expect { try open(.file("/nowhere/at/all")) } throws: { "\($0)".contains("/nowhere/at/all can't be read") }
        #expect(!"\(TLSPassphrase.text("hush"))".contains("hush"))
    }

    @Test("a damaged certificate is refused, at each place where the file may be cut")
    func damaged() throws {
        let certificates = try #require(TestCertificates.shared)
        let whole = try Data(contentsOf: URL(fileURLWithPath: certificates.path("server.pem")))
        let path = certificates.path("cut-\(UUID().uuidString).pem")
        let end = try #require(whole.range(of: Data("-----END CERTIFICATE-----".utf8))).upperBound
        for count in stride(from: 0, to: end, by: 7) {
            try whole[..<count].write(to: URL(fileURLWithPath: path))
            #expect(throws: TLSError.self) {
                try TLSContext(TLSConfiguration(certificatePath: path, keyPath: certificates.path("server.key")))
            }
        }
    }

    @Test("an expired certificate is served, and says how long it has been so")
    func expired() throws {
        let configuration = try #require(TestCertificates.shared).configuration("expired-server")
        let certificate = try TLSContext(configuration).certificate
        #expect(certificate.subject == "CN=expired-server,O=Vigil")
        #expect((-3 ... -1).contains(certificate.daysLeft(at: Int(Date().timeIntervalSince1970))))
    }

    @Test("the end of a validity is written as RFC 3339 and counted in whole days")
    func expiry() {
        let certificate = CertificateSummary(subject: "CN=a", expiry: 951_827_696)
        #expect(certificate.expiryText == "2000-02-29T12:34:56Z")
        #expect(certificate.daysLeft(at: 951_827_696) == 0)
        #expect(certificate.daysLeft(at: 951_827_697) == -1)
        #expect(certificate.daysLeft(at: 951_827_696 - 14 * 86_400) == 14)
    }

    @Test("files are read again; if they can't be used, the certificate before stays")
    func replacement() throws {
        let folder = try CertificateFolder(try #require(TestCertificates.shared))
        let credentials = try TLSCredentials(folder.configuration)
        try folder.putKey("renewed")
        #expect(throws: TLSError.self) { try credentials.reload() }
        #expect(credentials.context.certificate.subject == "CN=server,O=Vigil")
        try folder.put("renewed")
        #expect(try credentials.reload().certificate.subject == "CN=renewed,O=Vigil")
        #expect(credentials.context.certificate.subject == "CN=renewed,O=Vigil")
    }
}
