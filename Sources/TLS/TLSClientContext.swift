import COpenSSL

/// What a client's handshakes are made with: trusted authorities, versions, ciphers. It never changes.
///
/// `@unchecked Sendable`: the SSL_CTX is set up before anyone else sees it, and what OpenSSL changes in it afterwards,
/// reference counts and its cache of certificates, it locks itself.
public final class TLSClientContext: @unchecked Sendable {
    private let context: OpaquePointer

    /// Reads the files.
    public init(_ configuration: TLSClientConfiguration = TLSClientConfiguration()) throws(TLSError) {
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw .library(ErrorQueue.takeReason()) }
        // From here on the object exists, and frees the context if a step below fails.
        self.context = context
        try TLSContext.setProtocols(on: context)
        TLSContext.setTransferModes(on: context)
        SSL_CTX_set_verify(context, configuration.believesAnyone ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nil)
        // The only protocol that follows; a server that wants another one says so by an alert.
        let offer = [8] + Array("http/1.1".utf8)
        guard SSL_CTX_set_alpn_protos(context, offer, UInt32(offer.count)) == 0 else {
            throw .library(ErrorQueue.takeReason())
        }
        if configuration.trustsSystem, SSL_CTX_set_default_verify_paths(context) != 1 {
            throw .library(ErrorQueue.takeReason())
        }
        if let path = configuration.authorityPath { try trust(path) }
        if let own = configuration.identity { try TLSIdentity(own.certificatePath, own.keyPath).use(on: context) }
        ErrorQueue.clear()
    }

    deinit {
        SSL_CTX_free(context)
    }

    /// Begins a client's side of TLS on a connected, non-blocking socket, which must outlive it; nil where there is no
    /// memory for it.
    public func makeSession(descriptor: Int32, expecting peer: TLSPeerName) -> TLSClientSession? {
        TLSClientSession(context: context, descriptor: descriptor, peer: peer)
    }

    private func trust(_ path: String) throws(TLSError) {
        let authorities = try PEMFile(path).certificates()
        ErrorQueue.clear()
        for authority in authorities {
            // The store takes a reference of its own.
            guard X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.x509) == 1 else {
                throw .unsuitable(path: path, reason: ErrorQueue.takeReason())
            }
        }
    }
}

/// Whom a server's certificate has to name.
public enum TLSPeerName: Sendable, Equatable {
    /// A host name, which the server is told as well (SNI).
    case host(String)
    /// An IP address in numbers, such as `192.0.2.1` or `2001:db8::1`.
    case address(String)

    var text: String {
        switch self {
        case .host(let text), .address(let text): text
        }
    }
}

/// Whom a client of TLS believes.
public struct TLSClientConfiguration: Sendable, Equatable {
    /// Whether the authorities count that the system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` say where, as for other
    /// programs).
    public var trustsSystem: Bool
    /// A PEM file of certificate authorities that count as well.
    public var authorityPath: String?
    /// The PEM files of the client's own certificate and key, for servers that ask for one.
    public var identity: Identity?

    /// Whether a server may be anyone, so that only who listens is not kept from reading: for one that is asked at an address of
    /// its own machine, and nothing secret.
    public var believesAnyone: Bool

    /// Who a client is.
    public struct Identity: Sendable, Equatable {
        /// The certificate, and after it those that lead to its root.
        public var certificatePath: String
        /// The certificate's private key, not encrypted.
        public var keyPath: String

        /// An identity from its paths.
        public init(certificatePath: String, keyPath: String) {
            self.certificatePath = certificatePath
            self.keyPath = keyPath
        }
    }

    /// A configuration from its parts.
    public init(
        trustsSystem: Bool = true, authorityPath: String? = nil, identity: Identity? = nil,
        believesAnyone: Bool = false
    ) {
        self.trustsSystem = trustsSystem
        self.authorityPath = authorityPath
        self.identity = identity
        self.believesAnyone = believesAnyone
    }
}

/// The client's side of TLS on one non-blocking socket. It belongs to one thread at a time.
///
/// A handshake is done only once the server's certificate leads to a trusted authority, is valid now, and names the
/// server that was asked for, in its alternative names: a common name counts for nothing. Only where the context believes
/// anyone is it not looked at.
public struct TLSClientSession: ~Copyable {
    private var session: TLSSession
    private let peer: TLSPeerName

    /// Why a handshake fails with a server whose certificate leads to no authority that is known.
    public static let untrusted = "its certificate is signed by no authority that is trusted here"

    init?(context: OpaquePointer, descriptor: Int32, peer: TLSPeerName) {
        guard let session = TLSSession(context: context, descriptor: descriptor, side: .client),
            session.expect(peer)
        else { return nil }
        self.session = session
        self.peer = peer
    }

    /// Takes the handshake as far as it goes without waiting. A certificate that is no good is a failure whose reason
    /// says why in plain words.
    public mutating func handshake() -> TLSSession.Handshake {
        let outcome = session.handshake()
        guard case .failed(let reason) = outcome else { return outcome }
        if let complaint = session.complaint(about: peer) { return .failed(reason: complaint) }
        // Text that came too fast to be looked at first; OpenSSL takes its letters for a version.
        return reason == "wrong version number" ? .plainText : outcome
    }

    /// Reads what one record holds, up to the room in `buffer`.
    public mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSSession.Transfer {
        session.read(into: buffer)
    }

    /// Writes the beginning of `bytes` as one record. After `wantsInput` or `wantsOutput` the same bytes must come
    /// again, perhaps with others after them.
    public mutating func write(_ bytes: UnsafeRawBufferPointer) -> TLSSession.Transfer {
        session.write(bytes)
    }

    /// Tells the server that nothing more will come; true once that is on its way.
    public mutating func sendClose() -> Bool { session.sendClose() }

    /// The alert by which the server has ended TLS after the handshake, as one does that asks for a client's certificate;
    /// nil where it has not.
    public mutating func takeAlert() -> String? { session.takeAlert() }

    /// `TLSv1.2` or `TLSv1.3`.
    public var version: String { session.version }
}

extension TLSSession {
    /// Demands that the other side's certificate names `peer`.
    func expect(_ peer: TLSPeerName) -> Bool {
        ErrorQueue.clear()
        defer { ErrorQueue.clear() }
        SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
        switch peer {
        case .host(let name):
            return name.withCString { bytes in
                // Sound: OpenSSL copies the name within the call, and asks for a mutable pointer for other commands.
                let named = SSL_ctrl(
                    ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name),
                    UnsafeMutableRawPointer(mutating: bytes))
                return named == 1 && SSL_set1_host(ssl, bytes) == 1
            }
        case .address(let address):
            return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), address) == 1
        }
    }

    /// What is wrong with the certificate that the other side has shown, in plain words; nil where nothing is.
    func complaint(about peer: TLSPeerName) -> String? {
        guard SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE else { return nil }
        let result = SSL_get_verify_result(ssl)
        switch Int32(truncatingIfNeeded: result) {
        case X509_V_OK: return nil
        case X509_V_ERR_CERT_HAS_EXPIRED: return "its certificate has expired"
        case X509_V_ERR_CERT_NOT_YET_VALID: return "its certificate is not valid yet"
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            return "its certificate does not name \(peer.text)"
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
            X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_CERT_UNTRUSTED:
            return TLSClientSession.untrusted
        default:
            let reason = X509_verify_cert_error_string(result).map { String(cString: $0) } ?? "error \(result)"
            return "its certificate is no good: \(reason)"
        }
    }
}
