/// The files that a server's TLS is made of, all PEM.
public struct TLSConfiguration: Sendable, Equatable {
    /// The server's certificate, and after it those that lead to its root.
    public var certificatePath: String
    /// The certificate's private key, not encrypted.
    public var keyPath: String
    /// Certificate authorities; where there are any, clients must show a certificate that one of them has signed.
    public var clientAuthorityPath: String?

    /// A configuration from its paths.
    public init(certificatePath: String, keyPath: String, clientAuthorityPath: String? = nil) {
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        self.clientAuthorityPath = clientAuthorityPath
    }
}
