import Synchronization

/// The SHA-256 of a file, computed when it is first asked for: hashing 100 MB takes longer than loading a model.
public final class FileDigest: Sendable {
    /// The file; nil where the digest came without one.
    public let file: MappedFile?
    private let found: Mutex<String?>

    /// The digest of `file`.
    public init(of file: MappedFile) {
        self.file = file
        found = Mutex(nil)
    }

    /// A digest that needs no computing.
    public init(known digest: String) {
        file = nil
        found = Mutex(digest)
    }

    /// The digits where they are known, for who may not wait.
    public var known: String? { found.withLockIfAvailable { $0 } ?? nil }

    /// 64 hexadecimal digits. Whoever asks while it is being computed waits.
    public var value: String {
        found.withLock { known in
            if let known { return known }
            var digest = SHA256()
            if let file { file.forEachPiece(of: 0..<file.count) { digest.update($0) } }
            let hexDigest = digest.hexDigest
            known = hexDigest
            return hexDigest
        }
    }
}
