import TLS
import TestSupport

/// Certificates that `openssl` makes for these tests, for names and addresses of this machine.
struct Certificates: Sendable {
    /// Nil where there is no `openssl` to make them with.
    static let shared = Certificates()

    private let maker: CertificateMaker

    private init?() {
        guard let maker = CertificateMaker("receivers") else { return nil }
        // The common name is always the right one, which must not help.
        func certificate(_ name: String, _ names: String?, by issuer: String, days: Int = 30) -> Bool {
            maker.certificate(
                name, of: "/CN=hooks.test", by: issuer,
                extensions: names.map { "subjectAltName=\($0)" } ?? "basicConstraints=CA:FALSE", days: days)
        }
        let isMade =
            maker.authority("ca") && maker.authority("other-ca")
            && certificate("good", "DNS:hooks.test,IP:127.0.0.1", by: "ca")
            && certificate("other-name", "DNS:other.test", by: "ca")
            && certificate("no-name", nil, by: "ca")
            && certificate("expired", "DNS:hooks.test", by: "ca", days: -1)
            && certificate("stranger", "DNS:hooks.test", by: "other-ca")
        guard isMade else { return nil }
        self.maker = maker
    }

    func server(_ name: String) throws -> TLSContext {
        try TLSContext(TLSConfiguration(certificatePath: path(name + ".pem"), keyPath: path(name + ".key")))
    }

    /// A client that trusts our authority alone.
    func client() throws -> TLSClientContext {
        try TLSClientContext(TLSClientConfiguration(trustsSystem: false, authorityPath: path("ca.pem")))
    }

    func path(_ name: String) -> String { maker.path(name) }
}
