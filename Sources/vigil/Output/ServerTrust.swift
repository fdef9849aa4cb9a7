import ArgumentParser
import HTTPClient
import TLS

/// Whom a server is believed to be over TLS, and who asks it: the options of commands that take a server's URL.
struct ServerTrust: ParsableArguments {
    @Option(help: "A file of certificates that vouch for the server at an https URL too, beside the system's.")
    var ca: String?
    @Option(help: "A file with this client's certificate in PEM, for a server at an https URL that asks for one.")
    var cert: String?
    @Option(help: "A file with the private key of the certificate in PEM, not encrypted.")
    var key: String?

    /// What a server is asked with; nil where TLS is not spoken.
    ///
    /// - Parameter isOwn: whether it is the one that this machine's settings are for, which is asked at the address that it
    ///   listens on and not by its name: without --ca nobody vouches for it
    func context(for server: ServerURL?, isOwn: Bool = false) throws -> TLSClientContext? {
        for (option, path) in [("--ca", ca), ("--cert", cert), ("--key", key)] where path != nil {
            guard server?.isSecure == true else {
                throw Failure(.usage, "\(option): nothing is spoken over TLS; expected https://HOST:PORT")
            }
        }
        guard server?.isSecure == true else { return nil }
        var identity: TLSClientConfiguration.Identity?
        switch (cert, key) {
        case (let cert?, let key?): identity = .init(certificatePath: cert, keyPath: key)
        case (_?, nil): throw Failure(.usage, "--cert needs the certificate's private key by --key")
        case (nil, _?): throw Failure(.usage, "--key needs its certificate by --cert")
        case (nil, nil): break
        }
        return try TLSClientContext(
            TLSClientConfiguration(authorityPath: ca, identity: identity, believesAnyone: isOwn && ca == nil))
    }

    /// Which option helps against an error, to stand behind it; nothing where none does.
    static func advice(on error: ClientError) -> String {
        let own = "; where it asks for a client's certificate, --cert and --key name one that it takes"
        switch error {
        case .noAgreement(TLSClientSession.untrusted):
            return "; an authority that the system does not know is named by --ca"
        case .alert: return own
        case .noAgreement(let reason): return reason.utf8.firstRange(of: Array("alert".utf8)) == nil ? "" : own
        default: return ""
        }
    }
}
