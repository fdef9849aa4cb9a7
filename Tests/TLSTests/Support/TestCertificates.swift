import Foundation
import TestSupport

@testable import TLS

/// Certificates and keys that `openssl` makes for these tests, valid for 30 days where nothing else is said.
struct TestCertificates: Sendable {
    /// Nil where there is no `openssl` to make them with; on Debian it comes with the package openssl.
    static let shared = TestCertificates()

    let folder: String

    private init?() {
        folder = Paths.scratch + "/certificates"
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        guard Paths.run("openssl", ["version"]).status == 0 else { return nil }
        let isMade =
            authority("ca") && authority("other-ca")
            && certificate("server", by: "ca") && certificate("renewed", by: "ca")
            && certificate("rsa", by: "ca", key: ["rsa:2048"])
            && certificate("expired-server", by: "ca", days: -1)
            && certificate("client", by: "ca") && certificate("expired-client", by: "ca", days: -1)
            && certificate("stranger", by: "other-ca")
            && openssl("pkey", "-in", path("server.key"), "-aes256", "-passout", "pass:x", "-out", path("locked.key"))
            && openssl(
                "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", path("short.key"), "-out",
                path("short.pem"), "-subj", "/CN=short")
        guard isMade else { return nil }
    }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    func configuration(_ name: String = "server", clients: String? = nil) -> TLSConfiguration {
        TLSConfiguration(
            certificatePath: path(name + ".pem"), keyPath: path(name + ".key"),
            clientAuthorityPath: clients.map { path($0 + ".pem") })
    }

    private static let elliptic = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]

    private func authority(_ name: String) -> Bool {
        openssl(
            ["req", "-x509", "-newkey"] + Self.elliptic + [
                "-nodes", "-keyout", path(name + ".key"), "-out", path(name + ".pem"), "-subj", "/CN=\(name)",
                "-addext", "basicConstraints=critical,CA:TRUE",
            ])
    }

    private func certificate(_ name: String, by issuer: String, key: [String] = elliptic, days: Int = 30) -> Bool {
        openssl(
            ["req", "-newkey"] + key + [
                "-nodes", "-keyout", path(name + ".key"), "-out", path(name + ".csr"), "-subj", "/O=Vigil/CN=\(name)",
            ])
            && openssl(
                "x509", "-req", "-in", path(name + ".csr"), "-CA", path(issuer + ".pem"), "-CAkey",
                path(issuer + ".key"), "-CAcreateserial", "-days", "\(days)", "-out", path(name + ".pem"))
    }

    private func openssl(_ arguments: String...) -> Bool { openssl(arguments) }

    private func openssl(_ arguments: [String]) -> Bool { Paths.run("openssl", arguments).status == 0 }
}
