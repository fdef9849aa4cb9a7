import COpenSSL
import Platform
import TestSupport

/// A blocking TLS client of OpenSSL's, which shows and does what other clients hide: drips, ends without a word,
/// resumes, and offers what nobody should take. It gives up after a minute.
final class TLSClient {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// What the client offers.
    struct Offer: Sendable {
        var versions = TLS1_2_VERSION...TLS1_3_VERSION
        var ciphers: String?
        var protocols: [String] = []
        /// Paths of a certificate and its key.
        var certificate: (chain: String, key: String)?
        /// Whether each byte of the handshake is sent alone.
        var drips = false
    }

    private let context: OpaquePointer
    private let ssl: OpaquePointer
    private let input = BIO_new(BIO_s_mem())
    private let output = BIO_new(BIO_s_mem())
    private let socket: RawClient
    private var drips: Bool

    init(port: UInt16, _ offer: Offer = Offer(), resuming session: ClientSession? = nil) throws {
        socket = try RawClient(port: port)
        guard let context = SSL_CTX_new(TLS_client_method()), let ssl = SSL_new(context) else {
            throw Failure(description: "no memory")
        }
        self.context = context
        self.ssl = ssl
        drips = offer.drips
        SSL_set_bio(ssl, input, output)
        SSL_set_connect_state(ssl)
        // The client takes everything, so that it is the server that refuses.
        SSL_set_security_level(ssl, 0)
        SSL_ctrl(ssl, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(offer.versions.lowerBound), nil)
        SSL_ctrl(ssl, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(offer.versions.upperBound), nil)
        if let ciphers = offer.ciphers, SSL_set_cipher_list(ssl, ciphers) != 1 {
            throw Failure(description: "the client knows no \(ciphers)")
        }
        let names = offer.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        if !names.isEmpty { SSL_set_alpn_protos(ssl, names, UInt32(names.count)) }
        if let (chain, key) = offer.certificate {
            guard SSL_use_certificate_file(ssl, chain, SSL_FILETYPE_PEM) == 1,
                SSL_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) == 1
            else { throw Failure(description: "no certificate in \(chain)") }
        }
        if let session { SSL_set_session(ssl, session.pointer) }
    }

    deinit {
        SSL_free(ssl)
        SSL_CTX_free(context)
    }

    /// A client that has shaken hands.
    static func connected(_ port: UInt16, _ offer: Offer = Offer(), resuming session: ClientSession? = nil) throws
        -> TLSClient
    {
        let client = try TLSClient(port: port, offer, resuming: session)
        try client.shakeHands()
        return client
    }

    func shakeHands() throws {
        _ = try until { SSL_do_handshake(self.ssl) }
        drips = false
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        _ = try until { SSL_write(self.ssl, bytes, Int32(bytes.count)) }
    }

    /// Reads until what has come contains `mark`.
    func read(until mark: String) throws -> String {
        var text = ""
        while !text.contains(mark) {
            guard let piece = try readPiece() else { throw Failure(description: "the end came after \(text)") }
            text += String(decoding: piece, as: UTF8.self)
        }
        return text
    }

    /// Reads until the server says that this is the end; an interruption is a failure.
    func readToEnd() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let piece = try readPiece() { bytes += piece }
        return bytes
    }

    func readTextToEnd() throws -> String { String(decoding: try readToEnd(), as: UTF8.self) }

    private func readPiece() throws -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = try until { SSL_read(self.ssl, &buffer, Int32(buffer.count)) }
        return count > 0 ? Array(buffer[..<Int(count)]) : nil
    }

    /// Runs a step, moving bytes from and to the socket until it is done.
    ///
    /// - Returns: what it gave; 0 for the server's close_notify.
    private func until(_ step: () -> Int32) throws -> Int32 {
        while true {
            ERR_clear_error()
            let result = step()
            let error = SSL_get_error(ssl, result)
            let reason = ERR_reason_error_string(ERR_peek_error()).map { String(cString: $0) }
            try? flush()
            if result > 0 { return result }
            switch error {
            case SSL_ERROR_ZERO_RETURN: return 0
            case SSL_ERROR_WANT_READ:
                let bytes = try socket.readPiece()
                guard !bytes.isEmpty else { throw Failure(description: "the connection ended without close_notify") }
                BIO_write(input, bytes, Int32(bytes.count))
            default: throw Failure(description: reason ?? "error \(error)")
            }
        }
    }

    private func flush() throws {
        var bytes = [UInt8](repeating: 0, count: BIO_ctrl_pending(output))
        guard !bytes.isEmpty else { return }
        BIO_read(output, &bytes, Int32(bytes.count))
        if drips {
            for byte in bytes { try socket.send([byte]) }
        } else {
            try socket.send(bytes)
        }
    }
}

extension TLSClient {
    var version: String { String(cString: SSL_get_version(ssl)) }
    var isResumed: Bool { SSL_session_reused(ssl) == 1 }
    var session: ClientSession? { SSL_get1_session(ssl).map { ClientSession(owning: $0) } }
    /// The name in the server's certificate.
    var serverName: String? {
        guard let certificate = SSL_get1_peer_certificate(ssl) else { return nil }
        defer { X509_free(certificate) }
        var name = [CChar](repeating: 0, count: 100)
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, &name, 100)
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    /// The protocol that was agreed upon by ALPN.
    var chosenProtocol: String? {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &count)
        return name.map { String(decoding: UnsafeBufferPointer(start: $0, count: Int(count)), as: UTF8.self) }
    }

    /// Asks for another handshake within the connection, which TLS 1.2 allows and servers should not.
    func renegotiate() throws {
        SSL_renegotiate(ssl)
        _ = try until { SSL_do_handshake(self.ssl) }
        // The refusal is a warning, which is read with what comes next.
        _ = try readPiece()
    }

    /// Changes the keys, and asks the server to do so (TLS 1.3).
    func updateKeys() throws {
        SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED)
        _ = try until { SSL_do_handshake(self.ssl) }
    }

    func sayGoodbye() throws {
        _ = SSL_shutdown(ssl)
        try flush()
    }

    /// Ends our side of the socket without a word in TLS.
    func endSendingAbruptly() { socket.endSending() }

    /// Ends the connection by a reset.
    func reset() { socket.reset() }
}

/// A session that another connection may go on from; freed with this.
final class ClientSession {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        SSL_SESSION_free(pointer)
    }
}
