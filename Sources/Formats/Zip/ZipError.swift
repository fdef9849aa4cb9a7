import Platform

/// Why a zip archive could not be read.
public enum ZipError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no zip directory at the end of the file.
    case notAnArchive(String)
    /// The archive contradicts itself, or points outside itself.
    case damaged(String)
    /// Encryption, several disks, or a compression other than deflate.
    case unsupported(String)
    /// More entries or bytes than the limits allow.
    case tooLarge(String)

    /// One sentence.
    public var description: String {
        switch self {
        case .notAnArchive(let reason): "not a zip archive: \(reason)"
        case .damaged(let reason): "the zip archive is damaged: \(reason)"
        case .unsupported(let reason): "the zip archive is not of a kind that is read here: \(reason)"
        case .tooLarge(let reason): "the zip archive is too large: \(reason)"
        }
    }
}

/// How much of a zip archive is taken.
public struct ZipLimits: Equatable, Sendable {
    /// Entries of the directory.
    public var maxEntries: Int

    /// The usual limit.
    public init(maxEntries: Int = 100_000) { self.maxEntries = maxEntries }
}

/// One file inside a zip archive; its headers have been checked against one another and against the archive's size.
public struct ZipEntry: Equatable, Sendable {
    /// How its bytes are kept.
    public enum Method: UInt16, Equatable, Sendable {
        case stored = 0
        case deflated = 8
    }

    /// The name with its folders.
    public var name: String
    /// How its bytes are kept.
    public var method: Method
    /// Bytes once unpacked, as the directory claims; true once the contents have been read.
    public var size: Int
    /// The checksum of the unpacked bytes.
    public var crc32: UInt32
    /// Where its bytes lie in the archive.
    public var dataRange: Range<Int>
    /// The error for an entry that is not what it claims to be.
    func damage(_ fault: String) -> ZipError { .damaged("the entry \(quoted(name)) \(fault)") }
}
