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
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        // The only protocol that follows; a server that wants another one says so by an alert.
        let offer = [8] + Array("http/1.1".utf8)
        guard SSL_CTX_set_alpn_protos(context, offer, UInt32(offer.count)) == 0 else {
            throw .library(ErrorQueue.takeReason())
        }
        if configuration.trustsSystem, SSL_CTX_set_default_verify_paths(context) != 1 {
            throw .library(ErrorQueue.takeReason())
        }
        if let path = configuration.authorityPath { try trust(path) }
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
