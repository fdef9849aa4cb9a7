import COpenSSL

extension SHA256 {
    /// Whether two digests are the same, in a time that depends on their length alone; for digests of secrets.
    public static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        // An empty one is what `finalize` gives where memory has run out; nothing is equal to it.
        guard left.count == right.count, !left.isEmpty else { return false }
        return CRYPTO_memcmp(left, right, left.count) == 0
    }
}
