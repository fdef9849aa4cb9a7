/// Whom a client of TLS believes.
public struct TLSClientConfiguration: Sendable, Equatable {
    /// Whether the authorities count that the system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` say where, as for other
    /// programs).
    public var trustsSystem: Bool
    /// A PEM file of certificate authorities that count as well.
    public var authorityPath: String?

    /// A configuration from its parts.
    public init(trustsSystem: Bool = true, authorityPath: String? = nil) {
        self.trustsSystem = trustsSystem
        self.authorityPath = authorityPath
    }
}
