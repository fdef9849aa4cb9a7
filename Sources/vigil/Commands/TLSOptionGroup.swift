import ArgumentParser
import HTTP
import Logging
import TLS

/// How `vigil serve` is secured.
struct TLSOptionGroup: ParsableArguments {
    @Option(
        help: "Certificate, and those above it, in PEM: serves https alone. Read again when it changes, and on SIGHUP.")
    var tlsCert: String?
    @Option(help: "Private key of the certificate in PEM, not encrypted.")
    var tlsKey: String?
    @Option(help: "Certificate authorities in PEM; clients must show a certificate that one of them has signed.")
    var tlsClientCA: String?
    @Option(help: "Seconds that a TLS handshake may take. (default: 10)")
    var tlsHandshakeTimeout: Int?

    /// Reads the files, puts them into the server's configuration and among those to be read again; does nothing where
    /// none is named.
    func apply(
        _ settings: Settings, _ logger: Logger, to configuration: inout ServerConfiguration,
        reloading: inout [Reloading.Source]
    ) throws {
        configuration.timeouts.handshake = .seconds(
            try settings.integer("tls-handshake-timeout", tlsHandshakeTimeout, default: 10, in: 1...3_600))
        let certificate = try settings.string("tls-cert", tlsCert)
        let key = try settings.string("tls-key", tlsKey)
        let authorities = try settings.string("tls-client-ca", tlsClientCA)
        switch (certificate, key) {
        case (let certificate?, let key?):
            let files = WatchedFiles([certificate, key] + [authorities].compactMap(\.self))
            let credentials = try TLSCredentials(
                TLSConfiguration(certificatePath: certificate, keyPath: key, clientAuthorityPath: authorities))
            configuration.tls = credentials
            let watch = CertificateWatch(credentials, logger: logger)
            reloading.append(.init(files: files) { watch.reload() })
        case (nil, nil):
            if authorities != nil { throw incomplete("--tls-client-ca needs --tls-cert and --tls-key") }
        case (_?, nil): throw incomplete("--tls-cert needs --tls-key, the private key of the certificate")
        case (nil, _?): throw incomplete("--tls-key needs --tls-cert, the certificate of the key")
        }
    }

    private func incomplete(_ sentence: String) -> Failure {
        let isFromFlags = tlsCert != nil || tlsKey != nil || tlsClientCA != nil
        return Failure(isFromFlags ? .usage : .configuration, sentence)
    }
}
