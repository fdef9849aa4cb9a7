import TestSupport

@testable import TLS

/// Certificates and keys that `openssl` makes for these tests, valid for 30 days where nothing else is said.
struct TestCertificates: Sendable {
    /// Nil where there is no `openssl` to make them with.
    static let shared = TestCertificates()

    private let maker: CertificateMaker

    private init?() {
        guard let maker = CertificateMaker("certificates") else { return nil }
        func certificate(
            _ name: String, by issuer: String, key: [String] = CertificateMaker.elliptic, days: Int = 30
        ) -> Bool {
            maker.certificate(name, of: "/O=Vigil/CN=\(name)", by: issuer, key: key, days: days)
        }
        let isMade =
            maker.authority("ca") && maker.authority("other-ca")
            && certificate("server", by: "ca") && certificate("renewed", by: "ca")
            && certificate("rsa", by: "ca", key: ["rsa:2048"])
            && certificate("expired-server", by: "ca", days: -1)
            && certificate("client", by: "ca") && certificate("expired-client", by: "ca", days: -1)
            && certificate("stranger", by: "other-ca")
            && maker.openssl([
                "pkey", "-in", maker.path("server.key"), "-aes256", "-passout", "pass:x", "-out",
                maker.path("locked.key"),
            ])
            && maker.openssl([
                "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", maker.path("short.key"), "-out",
                maker.path("short.pem"), "-subj", "/CN=short",
            ])
        guard isMade else { return nil }
        self.maker = maker
    }

    /// Where they are.
    var folder: String { maker.folder }

    func path(_ name: String) -> String { maker.path(name) }

    func configuration(_ name: String = "server", clients: String? = nil) -> TLSConfiguration {
        TLSConfiguration(
            certificatePath: path(name + ".pem"), keyPath: path(name + ".key"),
            clientAuthorityPath: clients.map { path($0 + ".pem") })
    }
}
