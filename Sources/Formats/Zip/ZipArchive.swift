import Platform
import Zlib

/// A zip archive, mapped: the directory is checked completely when it is opened, contents are read when asked for.
///
/// Stored and deflated entries are known, zip64 and data descriptors too. Entries may neither overlap nor share a name,
/// and each entry's own header must agree with the directory.
public struct ZipArchive: Sendable {
    /// The mapped archive.
    public let file: MappedFile
    /// The entries in the directory's order.
    public let entries: [ZipEntry]
    private let indexes: [ByteText: Int]

    /// Reads the directory.
    public init(file: MappedFile, limits: ZipLimits = ZipLimits()) throws(ZipError) {
        let entries = try file.withUnsafeBytes { bytes throws(ZipError) in
            try ZipDirectoryReader(bytes, limits: limits).entries()
        }
        self.file = file
        self.entries = entries
        self.indexes = Dictionary(
            entries.enumerated().map { (ByteText($1.name), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The entry of that name, folders included.
    public func entry(named name: String) -> ZipEntry? { indexes[ByteText(name)].map { entries[$0] } }

    /// Where a stored entry's bytes lie in ``file``; nil for one that is compressed. Its checksum is not looked at.
    public func storedRange(of entry: ZipEntry) -> Range<Int>? { entry.method == .stored ? entry.dataRange : nil }

    /// The entry's bytes, unpacked where need be, with their checksum verified.
    ///
    /// Stored bytes are those of the mapping, with no copy; deflated ones live for the length of the call.
    ///
    /// - Parameters:
    ///   - entry: one of the directory
    ///   - limit: bytes that the entry may have unpacked
    ///   - isVerified: true where the caller has had the same stored entry verified before
    ///   - wrap: makes an error of the caller's kind
    ///   - body: is given the bytes, which live as long as it runs
    public func withContents<R, E: Error>(
        of entry: ZipEntry, limit: Int, isVerified: Bool = false, wrap: (ZipError) -> E,
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try file.withUnsafeBytes { bytes throws(E) in
            switch entry.method {
            case .stored:
                let stored = bytes.part(entry.dataRange.clamped(to: 0..<bytes.count))
                do throws(ZipError) {
                    try checkSize(of: entry, limit: limit)
                    if !isVerified { try verify(stored, entry) }
                } catch { throw wrap(error) }
                return try body(stored)
            case .deflated:
                let unpacked: [UInt8]
                do throws(ZipError) { unpacked = try inflate(entry, limit: limit) } catch { throw wrap(error) }
                return try unpacked.withRawBytes(body)
            }
        }
    }

    /// A copy of the entry's bytes, unpacked and verified.
    public func contents(of entry: ZipEntry, limit: Int) throws(ZipError) -> [UInt8] {
        try withContents(of: entry, limit: limit, wrap: { $0 }) { bytes throws(ZipError) in [UInt8](bytes) }
    }

    /// A deflated entry's bytes, with size and checksum verified; nothing is unpacked past the size it claims.
    public func inflate(_ entry: ZipEntry, limit: Int) throws(ZipError) -> [UInt8] {
        try checkSize(of: entry, limit: limit)
        // Deflate shrinks at most 1032-fold, so a greater claim is a lie, found before memory is reserved for it.
        guard entry.size / 1032 <= entry.dataRange.count + 1 else {
            throw entry.damage("cannot unpack to \(entry.size) bytes")
        }
        guard var inflater = Inflater(.raw) else { throw .damaged("zlib has no memory") }
        var fault: String?
        let unpacked = file.withUnsafeBytes { bytes in
            var input = bytes.part(entry.dataRange.clamped(to: 0..<bytes.count))
            return [UInt8](unsafeUninitializedCapacity: entry.size) { output, count in
                count = ZipArchive.inflate(
                    &inflater, &input, UnsafeMutableRawBufferPointer(output), size: entry.size, &fault)
            }
        }
        if let fault { throw entry.damage(fault) }
        try unpacked.withRawBytes { bytes throws(ZipError) in try verify(bytes, entry) }
        return unpacked
    }

    /// Fills the front of `output` and gives the number of bytes written.
    private static func inflate(
        _ inflater: inout Inflater, _ input: inout UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer,
        size: Int, _ fault: inout String?
    ) -> Int {
        var count = 0
        var spill: UInt8 = 0
        while true {
            let isFull = count == size
            let before = input.count
            let room = UnsafeMutableRawBufferPointer(rebasing: output[count..<size])
            let (produced, outcome) =
                isFull
                ? withUnsafeMutableBytes(of: &spill) { inflater.step(&input, into: $0) }
                : inflater.step(&input, into: room)
            if isFull && produced > 0 {
                fault = "unpacks to more than the \(size) bytes it claims"
                return count
            }
            count += produced
            switch outcome {
            case .corrupt(let reason):
                fault = "is corrupt: \(reason)"
                return count
            case .ended:
                if count < size { fault = "unpacks to \(count) of the \(size) bytes it claims" }
                if !input.isEmpty { fault = "has bytes after its end" }
                return count
            case .more:
                if produced == 0 && input.count == before {
                    fault = "ends early"
                    return count
                }
            }
        }
    }

    private func checkSize(of entry: ZipEntry, limit: Int) throws(ZipError) {
        guard entry.size <= limit else {
            throw .tooLarge("the entry \(quoted(entry.name)) has \(entry.size) bytes, and the limit is \(limit)")
        }
    }

    private func verify(_ bytes: UnsafeRawBufferPointer, _ entry: ZipEntry) throws(ZipError) {
        guard crc32(of: bytes) == entry.crc32 else {
            throw entry.damage("does not have the checksum that was noted for it")
        }
    }
}

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
