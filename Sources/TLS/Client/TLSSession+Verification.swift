import COpenSSL

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
            return "its certificate is signed by no authority that is trusted here"
        default:
            let reason = X509_verify_cert_error_string(result).map { String(cString: $0) } ?? "error \(result)"
            return "its certificate is no good: \(reason)"
        }
    }
}
