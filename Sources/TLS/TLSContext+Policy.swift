import COpenSSL

/// What is spoken, after Mozilla's intermediate configuration (server side TLS 5.7): clients from the last ten years
/// or so, forward secrecy and authenticated encryption always.
private enum Policy {
    static let ciphers = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
        "DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-CHACHA20-POLY1305",
    ].joined(separator: ":")
    static let suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    static let groups = "X25519:P-256:P-384"
    /// Refuses RSA keys below 2048 bits and signatures by SHA-1.
    static let securityLevel: Int32 = 2
    /// How many sessions are remembered, of about 1 KB each and more with a client's certificate.
    static let maxSessions = 4_096
    static let sessionSeconds = 3_600
    /// How much is read from a socket at once: two records of the largest size, with what surrounds them.
    static let readBufferBytes = 33 << 10
}

extension TLSContext {
    /// Sessions are kept here and not in tickets that the client keeps: no key decrypts them all, there is none to
    /// rotate, and a new context, that may trust other clients, begins without any.
    func setPolicy(on context: OpaquePointer) throws(TLSError) {
        try Self.setProtocols(on: context)
        guard SSL_CTX_ctrl(context, SSL_CTRL_SET_DH_AUTO, 1, nil) == 1 else { throw .library(ErrorQueue.takeReason()) }
        Self.setTransferModes(on: context)
        rememberSessions(of: context)
        SSL_CTX_set_alpn_select_cb(context, chooseProtocol, nil)
    }

    /// Versions, ciphers and groups, the same for a server and a client.
    static func setProtocols(on context: OpaquePointer) throws(TLSError) {
        ErrorQueue.clear()
        SSL_CTX_set_security_level(context, Policy.securityLevel)
        SSL_CTX_set_options(
            context,
            vigil_no_renegotiation | vigil_no_compression | vigil_no_ticket | vigil_ignore_unexpected_eof)
        let isSet =
            SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil) == 1
            && SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(TLS1_3_VERSION), nil) == 1
            && SSL_CTX_set_cipher_list(context, Policy.ciphers) == 1
            && SSL_CTX_set_ciphersuites(context, Policy.suites) == 1
            && Policy.groups.withCString { groups in
                // Sound: OpenSSL reads the names within the call, and asks for a mutable pointer for other commands.
                SSL_CTX_ctrl(context, SSL_CTRL_SET_GROUPS_LIST, 0, UnsafeMutableRawPointer(mutating: groups)) == 1
            }
        guard isSet else { throw .library(ErrorQueue.takeReason()) }
    }

    static func setTransferModes(on context: OpaquePointer) {
        let modes =
            SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS
        SSL_CTX_ctrl(context, SSL_CTRL_MODE, Int(modes), nil)
        SSL_CTX_ctrl(context, SSL_CTRL_SET_READ_AHEAD, 1, nil)
        SSL_CTX_set_default_read_buffer_len(context, Policy.readBufferBytes)
    }

    private func rememberSessions(of context: OpaquePointer) {
        SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_SERVER), nil)
        SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_SIZE, Policy.maxSessions, nil)
        SSL_CTX_set_timeout(context, Policy.sessionSeconds)
        SSL_CTX_set_num_tickets(context, 1)
        // Sessions of clients with certificates are resumed only under a name, any name.
        SSL_CTX_set_session_id_context(context, "vigil", 5)
    }
}

/// ALPN: http/1.1, or none where the client does not ask; whoever asks for others alone gets the alert
/// no_application_protocol (RFC 7301, 3.2).
///
/// Sound: the list is read within its length, and what is chosen lies in it, where OpenSSL copies it at once.
private let chooseProtocol: SSL_CTX_alpn_select_cb_func = { _, chosen, chosenCount, offered, offeredCount, _ in
    let list = UnsafeBufferPointer(start: offered, count: Int(offeredCount))
    var position = 0
    while position < list.count {
        let start = position + 1
        let end = start + Int(list[position])
        guard end <= list.count else { break }
        if list[start..<end].elementsEqual("http/1.1".utf8) {
            chosen?.pointee = offered?.advanced(by: start)
            chosenCount?.pointee = list[position]
            return SSL_TLSEXT_ERR_OK
        }
        position = end
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
}
