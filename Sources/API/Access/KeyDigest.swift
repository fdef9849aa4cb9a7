import Platform

/// The SHA-256 of an API key.
///
/// Deliberately not Equatable: `==` may stop at the first byte that differs, and the time that takes tells a client how
/// close it came. `matches` is the one way to compare.
struct KeyDigest: Sendable {
    private let bytes: [UInt8]

    /// The digest of a key.
    init(of key: some Collection<UInt8>) {
        var digest = SHA256()
        Array(key).withUnsafeBytes { digest.update($0) }
        bytes = digest.finalize()
    }

    /// The digest that 64 hexadecimal digits spell; nil where they do not.
    init?(hexadecimal text: Substring) {
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard text.utf8.count == 64, digits.count == 64 else { return nil }
        bytes = stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    /// Whether both are of the same key, in a time that does not depend on what they are.
    func matches(_ other: KeyDigest) -> Bool { SHA256.areEqual(bytes, other.bytes) }
}
