import Platform

/// What tells whether bytes that were stored are still the same.
package enum BodyDigest {
    /// The SHA-256 of a body.
    ///
    /// - Parameter subject: what counts in before it
    package static func of(_ bytes: [UInt8], subject: [UInt8] = []) -> [UInt8] {
        var digest = SHA256()
        subject.withUnsafeBytes { digest.update($0) }
        bytes.withUnsafeBytes { digest.update($0) }
        return digest.finalize()
    }
}
