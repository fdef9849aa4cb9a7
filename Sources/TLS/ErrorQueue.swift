import COpenSSL

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
}
