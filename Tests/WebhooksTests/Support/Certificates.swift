import Foundation
import TLS
import TestSupport

/// Certificates that `openssl` makes for these tests, for names and addresses of this machine.
struct Certificates: Sendable {
    /// Nil where there is no `openssl` to make them with; on Debian it comes with the package openssl.
    static let shared = Certificates()

    private let folder: String

    private init?() {
        folder = Paths.scratch + "/receivers"
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let isMade =
            authority("ca") && authority("other-ca")
            && certificate("good", "DNS:hooks.test,IP:127.0.0.1", by: "ca")
            && certificate("other-name", "DNS:other.test", by: "ca")
            && certificate("no-name", nil, by: "ca")
            && certificate("expired", "DNS:hooks.test", by: "ca", days: -1)
            && certificate("stranger", "DNS:hooks.test", by: "other-ca")
        guard isMade else { return nil }
    }

    func server(_ name: String) throws -> TLSContext {
        try TLSContext(TLSConfiguration(certificatePath: path(name + ".pem"), keyPath: path(name + ".key")))
    }

    /// A client that trusts our authority alone.
    func client() throws -> TLSClientContext {
        try TLSClientContext(TLSClientConfiguration(trustsSystem: false, authorityPath: path("ca.pem")))
    }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    private static let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

    private func authority(_ name: String) -> Bool {
        openssl(
            ["req", "-x509"] + Self.key + [
                "-keyout", path(name + ".key"), "-out", path(name + ".pem"), "-subj", "/CN=\(name)", "-addext",
                "basicConstraints=critical,CA:TRUE",
            ])
    }

    /// The common name is always the right one, which must not help.
    private func certificate(_ name: String, _ names: String?, by issuer: String, days: Int = 30) -> Bool {
        let extensions = path(name + ".ext")
        let text = names.map { "subjectAltName=\($0)\n" } ?? "basicConstraints=CA:FALSE\n"
        guard (try? text.write(toFile: extensions, atomically: true, encoding: .utf8)) != nil else { return false }
        return openssl(
            ["req"] + Self.key + [
                "-keyout", path(name + ".key"), "-out", path(name + ".csr"), "-subj", "/CN=hooks.test",
            ])
            && openssl([
                "x509", "-req", "-in", path(name + ".csr"), "-CA", path(issuer + ".pem"), "-CAkey",
                path(issuer + ".key"), "-CAcreateserial", "-days", "\(days)", "-extfile", extensions, "-out",
                path(name + ".pem"),
            ])
    }

    private func openssl(_ arguments: [String]) -> Bool { Paths.run("openssl", arguments).status == 0 }
}
