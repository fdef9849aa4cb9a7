import Foundation

/// A folder of certificates and keys that `openssl` makes for a suite.
public struct CertificateMaker: Sendable {
    /// What `-newkey` takes for a key on the usual curve.
    public static let elliptic = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]

    /// Where they are.
    public let folder: String

    /// A folder for a suite; nil where there is no `openssl`, which on Debian comes with the package openssl.
    public init?(_ name: String) {
        folder = "\(Paths.scratch)/\(name)"
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        guard openssl(["version"]) else { return nil }
    }

    /// A file in the folder.
    public func path(_ name: String) -> String { "\(folder)/\(name)" }

    /// Makes an authority, `NAME.pem` with `NAME.key`.
    public func authority(_ name: String) -> Bool {
        openssl(
            ["req", "-x509", "-newkey"] + Self.elliptic + [
                "-nodes", "-keyout", path(name + ".key"), "-out", path(name + ".pem"), "-subj", "/CN=\(name)",
                "-addext", "basicConstraints=critical,CA:TRUE",
            ])
    }

    /// Makes a certificate, `NAME.pem` with `NAME.key`, that an authority of the folder has signed.
    ///
    /// - Parameter extensions: a line of extensions; nil for none
    public func certificate(
        _ name: String, of subject: String, by issuer: String, extensions: String? = nil,
        key: [String] = CertificateMaker.elliptic, days: Int = 30
    ) -> Bool {
        var signing = [
            "x509", "-req", "-in", path(name + ".csr"), "-CA", path(issuer + ".pem"), "-CAkey", path(issuer + ".key"),
            "-CAcreateserial", "-days", "\(days)", "-out", path(name + ".pem"),
        ]
        if let extensions {
            let file = path(name + ".ext")
            guard (try? "\(extensions)\n".write(toFile: file, atomically: true, encoding: .utf8)) != nil else {
                return false
            }
            signing += ["-extfile", file]
        }
        return openssl(
            ["req", "-newkey"] + key + [
                "-nodes", "-keyout", path(name + ".key"), "-out", path(name + ".csr"), "-subj", subject,
            ]) && openssl(signing)
    }

    /// Whether the program did what it was told.
    public func openssl(_ arguments: [String]) -> Bool { Paths.run("openssl", arguments).status == 0 }
}
