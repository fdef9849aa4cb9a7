import COpenSSL

/// SHA-256 of bytes that come in pieces (FIPS 180-4, computed by OpenSSL).
///
/// Sendable: the context belongs to this value alone, which cannot be copied, and is freed with it.
public struct SHA256: ~Copyable, @unchecked Sendable {
    private let context: OpaquePointer

    /// A digest of nothing yet.
    public init() {
        context = EVP_MD_CTX_new()
        // Nothing from outside makes this fail: memory has run out, or OpenSSL was built without SHA-256.
        precondition(EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1, "OpenSSL offers no SHA-256")
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Takes in the next bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        EVP_DigestUpdate(context, base, bytes.count)
    }

    /// The 32 bytes of the digest of all that was taken in so far; more can follow.
    public func finalize() -> [UInt8] {
        guard let copy = EVP_MD_CTX_new() else { return [] }
        defer { EVP_MD_CTX_free(copy) }
        return [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            let isDone =
                EVP_MD_CTX_copy_ex(copy, context) == 1 && EVP_DigestFinal_ex(copy, buffer.baseAddress, nil) == 1
            count = isDone ? 32 : 0
        }
    }

    /// The digest as 64 hexadecimal digits, lower case.
    public var hexDigest: String { SHA256.hexadecimal(finalize()) }

    /// The digest of bytes that are all there, as 64 hexadecimal digits.
    public static func hexDigest(of bytes: UnsafeRawBufferPointer) -> String {
        var digest = SHA256()
        digest.update(bytes)
        return digest.hexDigest
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

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

extension SHA256 {
    /// Whether two digests are the same, in a time that depends on their length alone; for digests of secrets.
    public static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        // An empty one is what `finalize` gives where memory has run out; nothing is equal to it.
        guard left.count == right.count, !left.isEmpty else { return false }
        return CRYPTO_memcmp(left, right, left.count) == 0
    }
}
