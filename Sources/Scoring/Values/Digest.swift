import Formats
import Platform

/// SHA-256 of what tells one request from another, in hexadecimal.
enum Digest {
    static func of(_ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { SHA256.hexDigest(of: $0) } }

    /// Of texts, each with its length, so that none runs into the next.
    static func of(_ texts: [String]) -> String {
        of(texts.flatMap { Array("\($0.utf8.count):".utf8) + Array($0.utf8) })
    }
}

extension String {
    /// SHA-256 of the text, as far as it takes to tell it from others.
    package var digest: String { String(Digest.of(Array(utf8)).prefix(20)) }
}

extension DecodedArray {
    /// SHA-256 of the values as float32, little-endian, row after row: the same for the same numbers in any format.
    public var digest: String {
        #if _endian(little)
            return values.withUnsafeBytes { SHA256.hexDigest(of: $0) }
        #else
            return values.map(\.bitPattern.littleEndian).withUnsafeBytes { SHA256.hexDigest(of: $0) }
        #endif
    }
}
