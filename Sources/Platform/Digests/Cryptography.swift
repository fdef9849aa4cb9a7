import COpenSSL

/// OpenSSL, which digests, random bytes and TLS come from.
public enum Cryptography {
    /// Sets it up to stay until the process is gone, before anything else uses it. By itself it is taken down by `exit`, and
    /// can't be set up once that was called, when threads may still compute a digest.
    public static func begin() {
        OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
    }
}
