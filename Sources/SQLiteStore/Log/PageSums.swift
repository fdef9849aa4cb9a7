import Platform
import Synchronization
import Zlib

/// A sum for each page of the database file, so that each start knows whether it is the file that Vigil left.
///
/// A page's sum is written before the page is brought from the log into the database. Until the log is begun anew it is the
/// log that counts for its pages, so that neither a sum nor a page need be right while it is being written.
final class PageSums: Sendable {
    /// What stands in the place of a head in the sums of an older Vigil.
    private static let olderMark: UInt64 = 0x3130_534d_5553_4756
    private static let entryBytes = 8
    /// The bytes of sums that are read whatever the database has.
    private static let largestUnquestioned = 16 << 20
    /// By how much more than the number of its page an entry stands behind the beginning, as there is no page 0.
    private static let headEntries = SumsHead.bytes / entryBytes - 1

    /// What an earlier process has left.
    struct Found {
        /// Nil of an older Vigil's.
        let head: SumsHead?
        /// By the number of the page, the first of them unused. That of a page which was never written is 0.
        let entries: [UInt64]
    }

    /// What was written, as far as that can be known without keeping it all.
    private struct Written {
        var head: [UInt8]
        /// The bytes of the file.
        var bytes: Int
        /// All entries together, which say their pages themselves: a page that was never written adds nothing.
        var entries: UInt64
    }

    private let descriptor: Int32
    let path: String
    private let written: Mutex<Written>

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

    /// What is in the file. Throws where it is not there, not to be read, not one of ours, or far larger than sums of a
    /// database can be; the last before memory is taken for it.
    ///
    /// - Parameter pages: how many the database has, as far as that is known
    static func read(
        _ path: String, of pages: Int? = nil, reading: @escaping OpenFile.Read = OpenFile.systemRead
    ) throws(StateError) -> Found {
        let file: OpenFile
        do throws(FileError) { file = try OpenFile(path: path, read: reading) } catch {
            if case .noSuchFile = error { throw .damaged(path: path, reason: "it is not there") }
            throw StateError(reading: path, error)
        }
        // They can be of more pages than there are now.
        if let pages, file.count > max(largestUnquestioned, 4 * entryBytes * pages) {
            throw .damaged(path: path, reason: "it has \(file.count) bytes, and the database has \(pages) pages")
        }
        let found: [UInt8]
        do throws(FileError) { found = try file.bytes() } catch { throw StateError(reading: path, error) }
        guard let known = decode(found) else {
            throw .damaged(path: path, reason: "it does not begin as it should")
        }
        return known
    }

    private static func decode(_ found: [UInt8]) -> Found? {
        guard found.count >= entryBytes, found.count % entryBytes == 0 else { return nil }
        return found.withUnsafeBytes { bytes in
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

    /// - Parameter found: what is in the file
    init(path: String, _ found: Found) throws(StateError) {
        self.path = path
        descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unusable(path: path, reason: String(cString: strerror(errno))) }
        written = Mutex(
            Written(
                head: (found.head ?? SumsHead()).encoded,
                bytes: (found.entries.count + Self.headEntries) * Self.entryBytes,
                entries: Self.together(found.entries)))
    }

    private static func together(_ entries: some Sequence<UInt64>) -> UInt64 { entries.reduce(0) { $0 ^ $1 } }

    /// The entries of some pages as they stand in the file, as far as it has them.
    private func entries(_ pages: Range<Int>) -> [UInt64] {
        [UInt64](unsafeUninitializedCapacity: pages.count) { buffer, count in
            let place = (pages.lowerBound + Self.headEntries) * Self.entryBytes
            let found = pread(descriptor, buffer.baseAddress, pages.count * Self.entryBytes, off_t(place))
            count = max(found, 0) / Self.entryBytes
        }.map { UInt64(littleEndian: $0) }
    }

    /// Whether the file begins with the head that was written last.
    var hasHead: Bool {
        let head = [UInt8](unsafeUninitializedCapacity: SumsHead.bytes) { buffer, count in
            count = max(pread(descriptor, buffer.baseAddress, SumsHead.bytes, 0), 0)
        }
        return written.withLock { $0.head == head }
    }

    /// Whether all of the file is what was written.
    var isWhole: Bool {
        guard hasHead else { return false }
        let (bytes, known) = written.withLock { ($0.bytes, $0.entries) }
        let count = bytes / Self.entryBytes - Self.headEntries - 1
        let step = 1 << 15
        var all: UInt64 = 0
        for first in stride(from: 1, through: count, by: step) {
            let found = entries(first..<min(first + step, count + 1))
            guard found.count == min(step, count + 1 - first) else { return false }
            all ^= Self.together(found)
        }
        return all == known
    }

    /// Writes the entries of some pages, and forgets those beyond the database's end; says whether they are on the disk.
    func update(_ entries: [Int: UInt64], _ head: SumsHead, size: Int) -> Bool {
        written.withLock { update(entries, head, size: size, &$0) }
    }

    private func update(_ entries: [Int: UInt64], _ head: SumsHead, size: Int, _ written: inout Written) -> Bool {
        defer {
            var status = stat()
            if fstat(descriptor, &status) == 0 { written.bytes = Int(status.st_size) }
        }
        var run: [UInt64] = []
        var start = 0
        func put() -> Bool {
            guard !run.isEmpty else { return true }
            defer { run = [] }
            let before = Self.together(self.entries(start..<start + run.count))
            let isWritten = run.withUnsafeBytes {
                pwrite(
                    descriptor, $0.baseAddress, $0.count, off_t((start + Self.headEntries) * Self.entryBytes))
                    == $0.count
            }
            written.entries ^= before ^ Self.together(self.entries(start..<start + run.count))
            return isWritten
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
        written.head = encoded
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return false }
        let bytes = (size + 1 + Self.headEntries) * Self.entryBytes
        if status.st_size != bytes {
            let pages = Int(status.st_size) / Self.entryBytes - Self.headEntries
            let beyond = Self.together(self.entries(size + 1..<max(pages, size + 1)))
            guard ftruncate(descriptor, off_t(bytes)) == 0 else { return false }
            written.entries ^= beyond
        }
        return fdatasync(descriptor) == 0
    }

    func close() { closeDescriptor(descriptor) }
}
