import COpenSSL
import Platform

/// One side of TLS on one non-blocking socket; other rooms see the server's here. It belongs to one thread at a time.
///
/// Sound: the SSL is freed once, when this goes out of scope, and no pointer given to a call is kept after it, which
/// SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER allows for writes that are repeated.
public struct TLSSession: ~Copyable {
    /// How a handshake went on.
    public enum Handshake: Equatable, Sendable {
        case done
        case wantsInput
        case wantsOutput
        /// What came is no TLS, but begins as HTTP does; nothing of it has been read.
        case plainText
        /// The other side is gone.
        case closed
        /// It can't succeed; the other side has been sent the alert, if there is one for that.
        case failed(reason: String)
    }

    /// What came of reading or writing.
    public enum Transfer: Equatable, Sendable {
        /// So many bytes; 0 when reading means that the other side has ended.
        case moved(Int)
        case wantsInput
        case wantsOutput
        case failed(errno: Int32)
    }

    /// The most that one record holds, and so that one `write` takes.
    public static let maxRecordBytes = 16 << 10

    /// Who we are.
    enum Side { case server, client }

    let ssl: OpaquePointer
    private let descriptor: Int32
    private let side: Side
    private var hasBegun = false
    /// After an error nothing more may be said, not even that this is the end.
    private var isBroken = false
    /// The alert by which the other side has ended TLS after the handshake; nil where it has not.
    private var alert: String?

    init?(context: OpaquePointer, descriptor: Int32, side: Side = .server) {
        guard let ssl = SSL_new(context) else { return nil }
        guard let bio = SocketBIO.make(descriptor: descriptor) else {
            SSL_free(ssl)
            return nil
        }
        // The SSL takes over the one reference, for both directions.
        SSL_set_bio(ssl, bio, bio)
        switch side {
        case .server: SSL_set_accept_state(ssl)
        case .client: SSL_set_connect_state(ssl)
        }
        self.ssl = ssl
        self.descriptor = descriptor
        self.side = side
    }

    deinit {
        // Who goes without a word may go on with the session all the same (RFC 5246, 7.2.1), which OpenSSL would forget; one that a fatal
        // alert has ended it has forgotten already.
        if SSL_is_init_finished(ssl) == 1 { SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN) }
        SSL_free(ssl)
    }

    /// Takes the handshake as far as it goes without waiting.
    public mutating func handshake() -> Handshake {
        if !hasBegun {
            let early = lookAtFirstByte()
            // A client speaks first: that nothing has come yet is no reason to wait.
            if let early, side == .server || early != .wantsInput { return early }
            hasBegun = early == nil
        }
        ErrorQueue.clear()
        let result = SSL_do_handshake(ssl)
        // What is looked at later may lie in the middle of a record.
        if BIO_number_read(SSL_get_rbio(ssl)) > 0 { hasBegun = true }
        if result == 1 { return .done }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return .wantsInput
        case SSL_ERROR_WANT_WRITE: return .wantsOutput
        case SSL_ERROR_SYSCALL, SSL_ERROR_ZERO_RETURN:
            isBroken = true
            ErrorQueue.clear()
            return .closed
        default:
            isBroken = true
            return .failed(reason: ErrorQueue.takeReason())
        }
    }

    /// A handshake begins with byte 22; a request or status line with a letter, or with the end of a line before it.
    private func lookAtFirstByte() -> Handshake? {
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK))
        if count == 0 { return .closed }
        if count < 0 { return errno == EAGAIN || errno == EINTR ? .wantsInput : .closed }
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), 13, 10: return .plainText
        default: return nil
        }
    }

    /// Reads what one record holds, up to the room in `buffer`.
    public mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        guard !isBroken else { return .failed(errno: EPROTO) }
        ErrorQueue.clear()
        let result = SSL_read(ssl, buffer.baseAddress, Int32(clamping: buffer.count))
        return result > 0 ? .moved(Int(result)) : outcome(result)
    }

    /// Writes the beginning of `bytes` as one record. After `wantsInput` or `wantsOutput` the same bytes must come
    /// again, perhaps with others after them.
    public mutating func write(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        guard !isBroken else { return .failed(errno: EPROTO) }
        guard !bytes.isEmpty else { return .moved(0) }
        ErrorQueue.clear()
        let result = SSL_write(ssl, bytes.baseAddress, Int32(min(bytes.count, Self.maxRecordBytes)))
        if result > 0 { return .moved(Int(result)) }
        // A client that has ended its side is no reason in itself, but the only one told where the socket is broken.
        let failure = outcome(result)
        guard case .moved = failure else { return failure }
        isBroken = true
        return .failed(errno: EPIPE)
    }

    /// Tells the client that nothing more will come (close_notify), so that it knows the end from an interruption.
    ///
    /// - Returns: whether that is on its way; if not, it is to be tried again when the socket takes output.
    public mutating func sendClose() -> Bool {
        guard !isBroken, SSL_is_init_finished(ssl) == 1 else { return true }
        ErrorQueue.clear()
        let result = SSL_shutdown(ssl)
        guard result < 0 else { return true }
        if case .wantsOutput = outcome(result) { return false }
        return true
    }

    /// Takes the alert by which the other side has ended TLS.
    mutating func takeAlert() -> String? {
        defer { alert = nil }
        return alert
    }

    private mutating func outcome(_ result: Int32) -> Transfer {
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return .wantsInput
        case SSL_ERROR_WANT_WRITE: return .wantsOutput
        case SSL_ERROR_ZERO_RETURN: return .moved(0)
        default:
            let code = errno
            isBroken = true
            alert = ErrorQueue.takeAlert()
            return .failed(errno: code)
        }
    }
}

extension TLSSession {
    /// The certificate that the client has shown, and that was found good; nil where none was asked for.
    public var clientCertificate: CertificateSummary? {
        SSL_get1_peer_certificate(ssl).map { Certificate(owning: $0).summary }
    }

    /// `TLSv1.2` or `TLSv1.3`.
    public var version: String { String(cString: SSL_get_version(ssl)) }

    /// Whether the handshake went on from a session before.
    public var isResumed: Bool { SSL_session_reused(ssl) == 1 }
}

/// OpenSSL's way to a non-blocking socket.
///
/// OpenSSL's own writes with write(2), which ends the process by SIGPIPE where the client is gone; this one sends with
/// MSG_NOSIGNAL. Sound: a BIO's data is the descriptor's number dressed as a pointer, which is never followed; whoever
/// makes the BIO frees it before the descriptor is closed.
private enum SocketBIO {
    /// The table of functions; made once and never freed. Sound: nobody writes to it afterwards.
    nonisolated(unsafe) private static let method: OpaquePointer? = {
        let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "vigil socket")
        BIO_meth_set_write(method) { bio, bytes, count in
            SocketBIO.move(bio, retry: BIO_FLAGS_WRITE) { send($0, bytes, Int(count), Int32(MSG_NOSIGNAL)) }
        }
        BIO_meth_set_read(method) { bio, bytes, count in
            let moved = SocketBIO.move(bio, retry: BIO_FLAGS_READ) { recv($0, bytes, Int(count), 0) }
            if moved == 0, count > 0 { BIO_set_flags(bio, BIO_FLAGS_IN_EOF) }
            return moved
        }
        BIO_meth_set_ctrl(method) { bio, command, _, _ in
            switch command {
            case BIO_CTRL_FLUSH: 1
            case BIO_CTRL_EOF: BIO_test_flags(bio, BIO_FLAGS_IN_EOF) == 0 ? 0 : 1
            default: 0
            }
        }
        return method
    }()

    /// A BIO for a socket that outlives it; nil where there is no memory.
    static func make(descriptor: Int32) -> OpaquePointer? {
        guard let method, let bio = BIO_new(method) else { return nil }
        BIO_set_data(bio, UnsafeMutableRawPointer(bitPattern: Int(descriptor)))
        BIO_set_init(bio, 1)
        return bio
    }

    private static func move(_ bio: OpaquePointer?, retry direction: Int32, _ call: (Int32) -> Int) -> Int32 {
        BIO_clear_flags(bio, vigil_bio_flags)
        let descriptor = Int32(Int(bitPattern: BIO_get_data(bio)))
        while true {
            let moved = call(descriptor)
            if moved >= 0 { return Int32(moved) }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                BIO_set_flags(bio, direction | BIO_FLAGS_SHOULD_RETRY)
                return -1
            default: return -1
            }
        }
    }
}
