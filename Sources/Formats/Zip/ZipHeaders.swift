import Platform

/// One record of a zip archive's directory.
struct ZipCentralHeader {
    static let fixedSize = 46

    let name: String
    let nameBytes: Range<Int>
    let flags: UInt16
    let method: UInt16
    let crc32: UInt32
    let compressedSize: Int
    let size: Int
    let localOffset: Int
    /// Where the next record begins.
    let end: Int

    /// - Parameter bytes: the archive up to the end of its directory
    init(_ bytes: UnsafeRawBufferPointer, at: Int) throws(ZipError) {
        let fields = ZipFields(bytes, at: at, of: "the directory's record at byte \(at)")
        guard try fields.read(UInt32.self, 0) == 0x0201_4B50 else {
            throw .damaged("there is no directory record at byte \(at)")
        }
        flags = try fields.read(UInt16.self, 8)
        method = try fields.read(UInt16.self, 10)
        crc32 = try fields.read(UInt32.self, 16)
        let nameEnd = at + ZipCentralHeader.fixedSize + Int(try fields.read(UInt16.self, 28))
        let extraEnd = nameEnd + Int(try fields.read(UInt16.self, 30))
        end = extraEnd + Int(try fields.read(UInt16.self, 32))
        guard end <= bytes.count else {
            throw .damaged("the directory's record at byte \(at) passes the directory's end")
        }
        nameBytes = at + ZipCentralHeader.fixedSize..<nameEnd
        guard let name = String(validating: bytes.part(nameBytes), as: UTF8.self) else {
            throw .unsupported("the name of the directory's record at byte \(at) is not UTF-8")
        }
        self.name = name
        guard flags & 0x2041 == 0 else { throw .unsupported("the entry \(quoted(name)) is encrypted") }

        var wide = ZipWideExtra(bytes.part(nameEnd..<extraEnd))
        let size = wide.value(try fields.read(UInt32.self, 24))
        let compressedSize = wide.value(try fields.read(UInt32.self, 20))
        let offset = wide.value(try fields.read(UInt32.self, 42))
        guard try fields.read(UInt16.self, 34) == 0 else {
            throw .unsupported("the entry \(quoted(name)) is on another disk")
        }
        // Every size is compared with the archive before anything is added to it.
        guard let size = size.flatMap(Int.init(exactly:)),
            let compressedSize = compressedSize.flatMap(Int.init(exactly:)),
            let offset = offset.flatMap(Int.init(exactly:)), compressedSize <= bytes.count, offset <= bytes.count
        else { throw .damaged("the entry \(quoted(name)) claims to reach beyond the archive") }
        self.size = size
        self.compressedSize = compressedSize
        self.localOffset = offset
    }
}

/// The header in front of an entry's bytes, compared with the directory's record of it.
struct ZipLocalHeader {
    let dataRange: Range<Int>

    /// - Parameter bytes: the archive up to the start of its directory
    init(_ bytes: UnsafeRawBufferPointer, of central: ZipCentralHeader) throws(ZipError) {
        let name = quoted(central.name)
        let at = central.localOffset
        let fields = ZipFields(bytes, at: at, of: "the header of the entry \(name)")
        guard try fields.read(UInt32.self, 0) == 0x0403_4B50 else {
            throw .damaged("the header of the entry \(name) is not at byte \(at)")
        }
        let nameEnd = at + 30 + Int(try fields.read(UInt16.self, 26))
        let start = nameEnd + Int(try fields.read(UInt16.self, 28))
        guard start <= bytes.count, central.compressedSize <= bytes.count - start else {
            throw .damaged(
                "the entry \(name) of \(central.compressedSize) bytes at byte \(at) reaches beyond the archive's data")
        }
        dataRange = start..<start + central.compressedSize
        let flags = try fields.read(UInt16.self, 6)
        guard try fields.read(UInt16.self, 8) == central.method, flags & 0x2041 == 0 else {
            throw .damaged("the entry \(name) has another method in its own header than in the directory")
        }
        guard String(validating: bytes.part(at + 30..<nameEnd), as: UTF8.self) == central.name else {
            throw .damaged("the entry \(name) has another name in its own header")
        }
        var wide = ZipWideExtra(bytes.part(nameEnd..<start))
        let size = wide.value(try fields.read(UInt32.self, 22))
        let compressedSize = wide.value(try fields.read(UInt32.self, 18))
        // With a data descriptor behind the data, the header in front leaves these fields zero.
        let isLater = flags & 0x8 != 0
        func agrees(_ value: UInt64?, _ expected: UInt64) -> Bool {
            value == expected || (isLater && (value ?? 0) == 0)
        }
        guard agrees(size, UInt64(central.size)), agrees(compressedSize, UInt64(central.compressedSize)) else {
            throw .damaged(
                "the entry \(name) claims \(size.map(String.init) ?? "no") bytes in its own header and \(central.size) in "
                    + "the directory")
        }
        guard agrees(UInt64(try fields.read(UInt32.self, 14)), UInt64(central.crc32)) else {
            throw .damaged("the entry \(name) has another checksum in its own header than in the directory")
        }
    }
}

/// Little-endian fields of a record.
private struct ZipFields {
    private let bytes: UnsafeRawBufferPointer
    private let start: Int
    private let record: String

    init(_ bytes: UnsafeRawBufferPointer, at start: Int, of record: String) {
        self.bytes = bytes
        self.start = start
        self.record = record
    }

    func read<T: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _: T.Type, _ offset: Int
    ) throws(ZipError) -> T {
        guard let value = bytes.littleEndian(T.self, at: start + offset) else { throw .damaged("\(record) ends early") }
        return value
    }
}

/// The zip64 extra field: 64-bit values for those fields that hold all ones, in the fields' order.
private struct ZipWideExtra {
    private var values: UnsafeRawBufferPointer?

    init(_ extra: UnsafeRawBufferPointer) {
        var at = 0
        while let tag = extra.littleEndian(UInt16.self, at: at), let size = extra.littleEndian(UInt16.self, at: at + 2)
        {
            let end = at + 4 + Int(size)
            guard end <= extra.count else { return }
            if tag == 1 {
                values = extra.part(at + 4..<end)
                return
            }
            at = end
        }
    }

    /// The field itself, or the next 64-bit value where it is all ones; nil where that is missing.
    mutating func value(_ field: UInt32) -> UInt64? {
        guard field == .max else { return UInt64(field) }
        guard let rest = values, let value = rest.littleEndian(UInt64.self, at: 0) else { return nil }
        values = rest.part(8..<rest.count)
        return value
    }
}
