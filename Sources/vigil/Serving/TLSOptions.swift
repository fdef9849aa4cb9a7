import HTTP
import Logging
import TLS

/// How `vigil serve` is secured.
struct TLSOptions {
    let settings: Settings

    /// Reads the files, puts them into the server's configuration and among those to be read again; does nothing where
    /// none is named.
    func apply(
        _ logger: Logger, to configuration: inout ServerConfiguration, reloading: inout [Reloading.Source]
    ) throws {
        configuration.timeouts.handshake = try settings.seconds("tls-handshake-timeout")
        let certificate = try settings.text("tls-cert")
        let key = try settings.text("tls-key")
        let authorities = try settings.text("tls-client-ca")
        switch (certificate, key) {
        case (let certificate?, let key?):
            let passphrase = try passphrase(logger)
            var paths = [certificate, key] + [authorities].compactMap(\.self)
            if case .file(let path) = passphrase { paths.append(path) }
            let files = WatchedFiles(paths)
            let credentials: TLSCredentials
            do throws(TLSError) {
                credentials = try TLSCredentials(
                    TLSConfiguration(
                        certificatePath: certificate, keyPath: key, clientAuthorityPath: authorities,
                        passphrase: passphrase))
            } catch {
                throw failure(error, certificate: certificate, key: key)
            }
            configuration.tls = credentials
            let watch = CertificateWatch(credentials, logger: logger)
            let warn = { @Sendable in Reloading.Source.warnOfReaders(of: key, "private key", logger) }
            warn()
            reloading.append(
                .init(
                    files, of: credentials, kept: "the new certificate is not used, the one before stays", logger
                ) { credentials in
                    watch.report(credentials.certificate, "certificate replaced")
                    warn()
                })
        case (nil, nil):
            if authorities != nil { throw incomplete("--tls-client-ca needs --tls-cert and --tls-key") }
        case (_?, nil): throw incomplete("--tls-cert needs --tls-key, the private key of the certificate")
        case (nil, _?): throw incomplete("--tls-key needs --tls-cert, the certificate of the key")
        }
    }

    /// What is wrong with a file, with the setting that names it. Two may name the same: what was expected in it tells which.
    private func failure(_ error: TLSError, certificate: String, key: String) -> Failure {
        let code: Failure.Code = error.isAboutReading ? .noInput : .configuration
        let name: String
        switch error {
        case .library: return Failure(code, error.description)
        case .swapped, .keyMismatch:
            return Failure(code, "--tls-cert and --tls-key do not fit: \(error.description)")
        case .unexpectedContent(_, "a private key"), .encryptedKey, .wrongPassphrase: name = "tls-key"
        case .unreadable(let path, _) where path != certificate && path != key: name = authorityOrPassphrase(path)
        case .unexpectedContent: name = error.path == certificate ? "tls-cert" : "tls-client-ca"
        default: name = error.path == certificate ? "tls-cert" : error.path == key ? "tls-key" : "tls-client-ca"
        }
        return Failure(code, settings.failure(name, error.description).description)
    }

    private func authorityOrPassphrase(_ path: String) -> String {
        let passphrase = "tls-key-passphrase" + Setting.fileSuffix
        return (try? settings.text(passphrase)) == path ? passphrase : "tls-client-ca"
    }

    /// What the key is encrypted with; from a file it is read again with the key.
    private func passphrase(_ logger: Logger) throws -> TLSPassphrase? {
        guard let text = try settings.secret("tls-key-passphrase") else { return nil }
        let file = "tls-key-passphrase" + Setting.fileSuffix
        guard settings.isSecretInFile("tls-key-passphrase"), let path = try settings.text(file) else {
            return .text(text)
        }
        Reloading.Source.warnOfReaders(of: path, "passphrase of the private key", logger)
        return .file(path)
    }

    private func incomplete(_ sentence: String) -> Failure {
        settings.conflict(of: "tls-cert", "tls-key", "tls-client-ca", sentence: sentence)
    }
}
