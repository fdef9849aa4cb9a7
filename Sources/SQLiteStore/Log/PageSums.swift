import Compression
import Formats

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A sum for each page of the database file, so that each start knows whether it is the file that Vigil left.
///
/// A page's sum is written before the page is brought from the log into the database. Until the log is begun anew it is the
/// log that counts for its pages, so that neither a sum nor a page need be right while it is being written.
struct PageSums: Sendable {
    /// What stands in the place of a head in the sums of an older Vigil.
    private static let olderMark: UInt64 = 0x3130_534d_5553_4756
    private static let entryBytes = 8
    /// By how much more than the number of its page an entry stands behind the beginning, as there is no page 0.
    private static let headEntries = SumsHead.bytes / entryBytes - 1

    /// What an earlier process has left.
    struct Found {
        /// Nil of an older Vigil's.
        let head: SumsHead?
        /// By the number of the page, the first of them unused. That of a page which was never written is 0.
        let entries: [UInt64]
    }

    private let descriptor: Int32
    let path: String

    /// The sum of a page, with what shows that the sum itself was not changed.
    static func entry(of page: UnsafeRawBufferPointer, number: Int) -> UInt64 {
        let sum = crc32(of: page)
        return UInt64(check(sum, number)) << 32 | UInt64(sum)
    }

    /// Whether an entry is one of this page.
    static func isEntry(_ entry: UInt64, number: Int) -> Bool {
        UInt32(truncatingIfNeeded: entry >> 32) == check(UInt32(truncatingIfNeeded: entry), number)
    }

    private static func check(_ sum: UInt32, _ number: Int) -> UInt32 {
        (sum &* 0x9E37_79B1) ^ UInt32(truncatingIfNeeded: number &* 0x85EB_CA6B) ^ 0x5A5A_5A5A
    }

    /// Nil where the file is not there or not one of ours.
    static func read(_ path: String) -> Found? {
        guard let file = try? MappedFile(path: path), file.count >= entryBytes, file.count % entryBytes == 0 else {
            return nil
        }
        return file.withUnsafeBytes { bytes in
            func entries(from start: Int) -> [UInt64] {
                [0]
                    + stride(from: start, to: bytes.count, by: entryBytes).map {
                        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self))
                    }
            }
            if UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)) == olderMark {
                return Found(head: nil, entries: entries(from: entryBytes))
            }
            guard bytes.count >= SumsHead.bytes, let head = SumsHead(bytes.part(0..<SumsHead.bytes))
            else { return nil }
            return Found(head: head, entries: entries(from: SumsHead.bytes))
        }
    }

    /// Makes the file anew with all entries; the first of them is left out, as there is no page 0.
    static func write(_ entries: [UInt64], _ head: SumsHead, to path: String) throws(StateError) {
        do throws(FileError) {
            var file = try AtomicFile(path: path)
            let bytes = entries.dropFirst().map(\.littleEndian).withUnsafeBytes { Array($0) }
            try file.write(head.encoded + bytes)
            try file.commit()
        } catch { throw .unusable(path: path, reason: error.description) }
    }

    init(path: String) throws(StateError) {
        self.path = path
        descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unusable(path: path, reason: String(cString: strerror(errno))) }
    }

    /// Writes the entries of some pages, and forgets those beyond the database's end; says whether they are on the disk.
    func update(_ entries: [Int: UInt64], _ head: SumsHead, size: Int) -> Bool {
        var run: [UInt64] = []
        var start = 0
        func put() -> Bool {
            guard !run.isEmpty else { return true }
            defer { run = [] }
            return run.withUnsafeBytes {
                pwrite(
                    descriptor, $0.baseAddress, $0.count, off_t((start + Self.headEntries) * Self.entryBytes))
                    == $0.count
            }
        }
        for (page, entry) in entries.filter({ $0.key <= size }).sorted(by: { $0.key < $1.key }) {
            if page != start + run.count {
                guard put() else { return false }
                start = page
            }
            run.append(entry.littleEndian)
        }
        guard put() else { return false }
        let encoded = head.encoded
        guard pwrite(descriptor, encoded, encoded.count, 0) == encoded.count else { return false }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return false }
        let bytes = off_t((size + 1 + Self.headEntries) * Self.entryBytes)
        if status.st_size != bytes { guard ftruncate(descriptor, bytes) == 0 else { return false } }
        return fdatasync(descriptor) == 0
    }

    func close() { closeDescriptor(descriptor) }
}
