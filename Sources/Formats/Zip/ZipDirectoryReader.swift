import Platform

/// Reads a zip archive's directory (PKWARE APPNOTE, sections 4.3.7 to 4.3.16), and trusts none of it.
struct ZipDirectoryReader {
    private let bytes: UnsafeRawBufferPointer
    private let limits: ZipLimits

    /// Where the directory is and how many entries it has.
    struct Location {
        var count: Int
        var range: Range<Int>
    }

    init(_ bytes: UnsafeRawBufferPointer, limits: ZipLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    /// All entries in the directory's order.
    func entries() throws(ZipError) -> [ZipEntry] {
        let location = try directory()
        guard location.count <= limits.maxEntries else {
            throw .tooLarge("it claims \(location.count) entries, and the limit is \(limits.maxEntries)")
        }
        guard location.count <= location.range.count / ZipCentralHeader.fixedSize else {
            throw .damaged("its directory of \(location.range.count) bytes cannot hold \(location.count) entries")
        }
        var entries: [ZipEntry] = []
        var extents: [(range: Range<Int>, index: Int)] = []
        var names: Set<ByteText> = []
        var at = location.range.lowerBound
        for index in 0..<location.count {
            let header = try ZipCentralHeader(bytes.part(0..<location.range.upperBound), at: at)
            at = header.end
            guard names.insert(ByteText(header.name)).inserted else {
                throw .damaged("the name \(quoted(header.name)) occurs twice")
            }
            let local = try ZipLocalHeader(bytes.part(0..<location.range.lowerBound), of: header)
            extents.append((header.localOffset..<local.dataRange.upperBound, index))
            entries.append(try entry(header, dataRange: local.dataRange))
        }
        try refuseOverlaps(&extents, entries)
        return entries
    }

    private func entry(_ header: ZipCentralHeader, dataRange: Range<Int>) throws(ZipError) -> ZipEntry {
        guard let method = ZipEntry.Method(rawValue: header.method) else {
            throw .unsupported(
                "the entry \(quoted(header.name)) is compressed by method \(header.method); stored (0) and deflated (8) are known"
            )
        }
        guard method == .deflated || dataRange.count == header.size else {
            throw .damaged("the stored entry \(quoted(header.name)) claims \(header.size) bytes in \(dataRange.count)")
        }
        return ZipEntry(name: header.name, method: method, size: header.size, crc32: header.crc32, dataRange: dataRange)
    }

    private func refuseOverlaps(
        _ extents: inout [(range: Range<Int>, index: Int)], _ entries: [ZipEntry]
    ) throws(ZipError) {
        extents.sort { $0.range.lowerBound < $1.range.lowerBound }
        for (first, second) in zip(extents, extents.dropFirst()) where second.range.lowerBound < first.range.upperBound
        {
            throw .damaged(
                "the entries \(quoted(entries[first.index].name)) and \(quoted(entries[second.index].name)) overlap")
        }
    }
}

extension ZipDirectoryReader {
    private static let endSize = 22
    private static let locatorSize = 20

    /// Finds the end record, behind which there may be a comment, and the zip64 record before it.
    private func directory() throws(ZipError) -> Location {
        guard let end = endRecord() else {
            throw .notAnArchive("its directory is missing; the file of \(bytes.count) bytes may be cut short")
        }
        let disk: UInt16 = try field(end + 4)
        let directoryDisk: UInt16 = try field(end + 6)
        let countHere: UInt16 = try field(end + 8)
        let count: UInt16 = try field(end + 10)
        let size: UInt32 = try field(end + 12)
        let offset: UInt32 = try field(end + 16)
        if let wide = try wideRecord(before: end) {
            guard count == .max || Int(count) == wide.count, size == .max || Int(size) == wide.range.count,
                offset == .max || Int(offset) == wide.range.lowerBound
            else { throw .damaged("its two end records disagree") }
            return wide
        }
        guard disk == 0, directoryDisk == 0, countHere == count else { throw .unsupported("it spans several disks") }
        guard Int(offset) + Int(size) <= end else {
            throw .damaged("its directory at byte \(offset) of \(size) bytes passes its end record at byte \(end)")
        }
        return Location(count: Int(count), range: Int(offset)..<Int(offset) + Int(size))
    }

    private func endRecord() -> Int? {
        var at = bytes.count - ZipDirectoryReader.endSize
        let last = max(0, at - Int(UInt16.max))
        while at >= last {
            if bytes.littleEndian(UInt32.self, at: at) == 0x0605_4B50,
                let comment = bytes.littleEndian(UInt16.self, at: at + 20),
                at + ZipDirectoryReader.endSize + Int(comment) == bytes.count
            {
                return at
            }
            at -= 1
        }
        return nil
    }

    /// The zip64 end record, where its locator stands right before the end record.
    private func wideRecord(before end: Int) throws(ZipError) -> Location? {
        let locator = end - ZipDirectoryReader.locatorSize
        guard locator >= 0, bytes.littleEndian(UInt32.self, at: locator) == 0x0706_4B50 else { return nil }
        let recordOffset: UInt64 = try field(locator + 8)
        let disks: UInt32 = try field(locator + 16)
        guard disks <= 1 else { throw .unsupported("it spans \(disks) disks") }
        guard let at = Int(exactly: recordOffset), at <= locator - 56,
            bytes.littleEndian(UInt32.self, at: at) == 0x0606_4B50
        else { throw .damaged("its zip64 end record is not where it is said to be") }
        let disk: UInt32 = try field(at + 16)
        let directoryDisk: UInt32 = try field(at + 20)
        let countHere: UInt64 = try field(at + 24)
        let count: UInt64 = try field(at + 32)
        let size: UInt64 = try field(at + 40)
        let offset: UInt64 = try field(at + 48)
        guard disk == 0, directoryDisk == 0, countHere == count else { throw .unsupported("it spans several disks") }
        guard size <= UInt64(at), offset <= UInt64(at) - size else {
            throw .damaged("its directory at byte \(offset) of \(size) bytes passes its zip64 end record at byte \(at)")
        }
        return Location(count: Int(clamping: count), range: Int(offset)..<Int(offset + size))
    }

    private func field<T: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(_ at: Int) throws(ZipError) -> T {
        guard let value = bytes.littleEndian(T.self, at: at) else {
            throw .damaged("a record ends early at byte \(at)")
        }
        return value
    }
}
