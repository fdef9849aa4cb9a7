import COpenSSL

/// Why there is no TLS from these files.
public enum TLSError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A file is not there or can't be read.
    case unreadable(path: String, reason: String)
    /// A file is not PEM, or does not hold what it should.
    case unexpectedContent(path: String, expected: String)
    /// The private key is encrypted, and there is nobody to ask for its password.
    case encryptedKey(path: String)
    /// The private key is encrypted with something else.
    case wrongPassphrase(path: String)
    /// Each of the two files holds what the other should.
    case swapped(certificatePath: String, keyPath: String)
    /// The key belongs to another certificate.
    case keyMismatch(certificatePath: String, keyPath: String)
    /// OpenSSL takes no such certificate or key.
    case unsuitable(path: String, reason: String)
    /// OpenSSL failed for no fault of the files.
    case library(String)

    /// One plain sentence.
    public var description: String {
        switch self {
        case .unreadable(let path, let reason): "\(path) can't be read: \(reason)."
        case .unexpectedContent(let path, let expected): "\(path) is not what was expected: \(expected) in PEM."
        case .encryptedKey(let path):
            "\(path) is an encrypted private key; expected one without a password (openssl pkey -in \(path) -out …), or its "
                + "passphrase."
        case .wrongPassphrase(let path): "\(path) is an encrypted private key, and the passphrase does not open it."
        case .swapped(let certificate, let key):
            "\(certificate) is a private key and \(key) a certificate: exchange the two."
        case .keyMismatch(let certificate, let key):
            "\(key) is not the private key of the first certificate in \(certificate)."
        case .unsuitable(let path, let reason): "\(path) can't be used for TLS: \(reason)."
        case .library(let reason): "OpenSSL failed: \(reason)."
        }
    }

    /// The file that it is about; of two that do not fit each other the one that is to be looked at first.
    public var path: String? {
        switch self {
        case .unreadable(let path, _), .unexpectedContent(let path, _), .encryptedKey(let path),
            .wrongPassphrase(let path), .unsuitable(let path, _), .swapped(let path, _), .keyMismatch(_, let path):
            path
        case .library: nil
        }
    }

    /// Whether a file could not be read at all.
    public var isAboutReading: Bool {
        if case .unreadable = self { true } else { false }
    }
}

/// OpenSSL's errors of this thread. They stay until they are taken, and an old one would be read as the next call's.
enum ErrorQueue {
    static func clear() { ERR_clear_error() }

    /// Takes all errors, and gives the reason of the first one, which is the closest to the cause.
    static func takeReason() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0 else { return "no reason was given" }
        guard let reason = ERR_reason_error_string(code) else { return "error \(String(code, radix: 16))" }
        return String(cString: reason)
    }

    /// Takes all errors; the alert by which the other side has ended TLS, nil where it was nothing of the kind.
    static func takeAlert() -> String? {
        let code = ERR_get_error()
        ERR_clear_error()
        // What a number of OpenSSL's has of its reason, and where among these those of alerts begin. Their texts name them, such
        // as "tlsv13 alert certificate required".
        let alert = Int32(truncatingIfNeeded: code & 0x7F_FFFF) - Int32(SSL_AD_REASON_OFFSET)
        guard (1...255).contains(alert), let reason = ERR_reason_error_string(code) else { return nil }
        let text = String(cString: reason)
        let name = text.utf8.firstRange(of: Array("alert ".utf8)).map { text[$0.upperBound...] }
        return name.map { String($0) } ?? text
    }
}
