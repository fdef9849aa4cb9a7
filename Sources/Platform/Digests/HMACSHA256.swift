import COpenSSL

/// HMAC with SHA-256 (RFC 2104, computed by OpenSSL): shows who knows the key that bytes come from one who does.
public enum HMACSHA256 {
    /// The 32 bytes of the code of all `bytes`; empty where memory has run out.
    public static func code(of bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        // OpenSSL takes a null key for "the key of the call before", which an empty array may lend.
        let lent = key.isEmpty ? [0] : key
        return [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            var length: UInt32 = 0
            let isDone = HMAC(
                EVP_sha256(), lent, Int32(clamping: key.count), bytes, bytes.count, buffer.baseAddress, &length)
            count = isDone != nil && length == 32 ? 32 : 0
        }
    }
}
