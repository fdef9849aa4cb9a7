import COpenSSL
import Platform

/// What handshakes are made with: certificate, key, versions, ciphers, remembered sessions. It never changes; other
/// files make another context, while connections go on with the one that they began with.
///
/// `@unchecked Sendable`: the SSL_CTX is set up before anyone else sees it, and what OpenSSL changes in it afterwards,
/// reference counts and the session cache, it locks itself.
public final class TLSContext: @unchecked Sendable {
    /// The server's certificate.
    public let certificate: CertificateSummary
    private let context: OpaquePointer

    /// Reads the files and checks that they fit each other.
    public init(_ configuration: TLSConfiguration) throws(TLSError) {
        let identity = try TLSIdentity(
            configuration.certificatePath, configuration.keyPath, passphrase: configuration.passphrase)
        guard let context = SSL_CTX_new(TLS_server_method()) else { throw .library(ErrorQueue.takeReason()) }
        // From here on the object exists, and frees the context if a step below fails.
        self.context = context
        certificate = identity.chain[0].summary
        try setPolicy(on: context)
        try identity.use(on: context)
        if let path = configuration.clientAuthorityPath { try demandClientCertificates(signedBy: path) }
    }

    deinit {
        SSL_CTX_free(context)
    }

    /// Begins a server's side of TLS on a connected, non-blocking socket, which must outlive it; nil where there is no
    /// memory for it.
    public func makeSession(descriptor: Int32) -> TLSSession? {
        TLSSession(context: context, descriptor: descriptor)
    }

    private func demandClientCertificates(signedBy path: String) throws(TLSError) {
        let authorities = try PEMFile(path).certificates()
        ErrorQueue.clear()
        for authority in authorities {
            // Both take references of their own.
            guard X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.x509) == 1,
                SSL_CTX_add_client_CA(context, authority.x509) == 1
            else { throw .unsuitable(path: path, reason: ErrorQueue.takeReason()) }
        }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
    }
}

/// Who one is in a handshake: a certificate with those above it, and its key.
struct TLSIdentity {
    /// The certificate, and after it those that lead to its root; at least one.
    let chain: [Certificate]
    private let key: PrivateKey
    private let certificatePath: String
    private let keyPath: String

    /// Reads the files.
    init(_ certificatePath: String, _ keyPath: String, passphrase: TLSPassphrase? = nil) throws(TLSError) {
        chain = try Self.chain(certificatePath, keyPath)
        key = try PEMFile(keyPath).privateKey(passphrase: try passphrase?.read())
        self.certificatePath = certificatePath
        self.keyPath = keyPath
    }

    private static func chain(_ certificatePath: String, _ keyPath: String) throws(TLSError) -> [Certificate] {
        let file = try PEMFile(certificatePath)
        do throws(TLSError) { return try file.certificates() } catch {
            guard case .unexpectedContent = error, (try? file.privateKey()) != nil,
                (try? PEMFile(keyPath).certificates()) != nil
            else { throw error }
            throw .swapped(certificatePath: certificatePath, keyPath: keyPath)
        }
    }

    /// Makes it that of all handshakes of a context; checks that the files fit each other.
    func use(on context: OpaquePointer) throws(TLSError) {
        ErrorQueue.clear()
        guard X509_check_private_key(chain[0].x509, key.key) == 1 else {
            ErrorQueue.clear()
            throw .keyMismatch(certificatePath: certificatePath, keyPath: keyPath)
        }
        guard SSL_CTX_use_certificate(context, chain[0].x509) == 1 else {
            throw .unsuitable(path: certificatePath, reason: ErrorQueue.takeReason())
        }
        for link in chain.dropFirst() {
            // The context takes a reference of its own, which is what the 1 asks for.
            guard SSL_CTX_ctrl(context, SSL_CTRL_CHAIN_CERT, 1, UnsafeMutableRawPointer(link.x509)) == 1 else {
                throw .unsuitable(path: certificatePath, reason: ErrorQueue.takeReason())
            }
        }
        guard SSL_CTX_use_PrivateKey(context, key.key) == 1 else {
            throw .unsuitable(path: keyPath, reason: ErrorQueue.takeReason())
        }
    }
}

/// The files that a server's TLS is made of, all PEM.
public struct TLSConfiguration: Sendable, Equatable {
    /// The server's certificate, and after it those that lead to its root.
    public var certificatePath: String
    /// The certificate's private key.
    public var keyPath: String
    /// What the key is encrypted with; nil where it is not.
    public var passphrase: TLSPassphrase?
    /// Certificate authorities; where there are any, clients must show a certificate that one of them has signed.
    public var clientAuthorityPath: String?

    /// A configuration from its paths.
    public init(
        certificatePath: String, keyPath: String, clientAuthorityPath: String? = nil, passphrase: TLSPassphrase? = nil
    ) {
        self.passphrase = passphrase
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        self.clientAuthorityPath = clientAuthorityPath
    }
}

/// What a private key is encrypted with. No description of it shows it.
public enum TLSPassphrase: Sendable, Equatable, CustomStringConvertible {
    /// As it is.
    case text(String)
    /// The file that holds it alone, which is read again with the key.
    case file(String)

    private static let maxBytes = 1 << 10

    /// Where it is.
    public var description: String {
        switch self {
        case .text: "a passphrase"
        case .file(let path): "the passphrase in \(path)"
        }
    }

    /// Its bytes, in a file without the end of the line.
    func read() throws(TLSError) -> [UInt8] {
        switch self {
        case .text(let text): return Array(text.utf8)
        case .file(let path):
            do throws(SmallFile.Failure) {
                let bytes = try SmallFile(path, maxBytes: Self.maxBytes).bytes
                let end = bytes.lastIndex { $0 != ASCII.lineFeed && $0 != ASCII.carriageReturn }
                return end.map { Array(bytes[...$0]) } ?? []
            } catch {
                throw .unreadable(path: path, reason: error.reason)
            }
        }
    }
}
