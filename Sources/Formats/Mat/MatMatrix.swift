import Platform

/// Reads one variable of a MATLAB file as its bytes come: what it is first, then its numbers, if these are wanted.
struct MatMatrix {
    /// What a variable is.
    struct Header {
        let name: String
        let shape: [Int]
        /// What its numbers are; nil where it has none that are taken: characters, cells, structures, whole or complex ones.
        let elementType: ElementType?
        /// As what they are stored: whole ones may be, to save room.
        fileprivate let storedType: ElementType
        fileprivate let dataBytes: Int
    }

    /// Bytes that a variable may have before its numbers.
    private static let longestHeader = 16 << 10
    private static let longestName = 4_096

    private let isBig: Bool
    private let limits: ArrayLimits
    private let takesNumbers: Bool
    private var pending: [UInt8] = []
    private var left = 0
    private var collector: FloatCollector?
    private(set) var header: Header?

    /// - Parameter takesNumbers: false where only ``header`` is asked for
    init(isBig: Bool, limits: ArrayLimits, takesNumbers: Bool) {
        (self.isBig, self.limits, self.takesNumbers) = (isBig, limits, takesNumbers)
    }

    /// Whether nothing more is needed.
    var isDone: Bool { header != nil && (!takesNumbers || left == 0) }

    /// Takes the next bytes in, those behind the variable's own tag.
    mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        guard !isDone else { return }
        guard header == nil else { return take(bytes) }
        let room = Self.longestHeader - pending.count
        pending.append(contentsOf: bytes.prefix(room))
        let whole = pending
        let dataStart = try whole.withRawBytes { raw throws(ArrayDecodingError) in try readHeader(raw) }
        guard let dataStart else {
            guard room > bytes.count else { throw MatFile.malformed("a variable's header has no end") }
            return
        }
        guard takesNumbers, let header, header.elementType != nil else { return }
        collector = FloatCollector(
            elementType: header.storedType, byteOrder: isBig ? .big : .little,
            expectedCount: header.dataBytes / header.storedType.byteSize)
        left = header.dataBytes
        whole.withUnsafeBytes { take($0.part(dataStart..<whole.count)) }
        take(bytes.part(min(room, bytes.count)..<bytes.count))
        pending = []
    }

    private mutating func take(_ bytes: UnsafeRawBufferPointer) {
        let part = bytes.part(0..<min(left, bytes.count))
        collector?.append(part)
        left -= part.count
    }

    /// The array, rows first; nil where its numbers have not all come.
    mutating func array() -> DecodedArray? {
        guard let header, let type = header.elementType, left == 0, var collector else { return nil }
        let values = collector.take()
        self.collector = nil
        return DecodedArray(
            shape: header.shape, elementType: type, order: .columnMajor,
            values: rowMajor(fromColumnMajor: values, shape: header.shape))
    }

    /// Where the numbers begin, once all before them has come; nil before that.
    private mutating func readHeader(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) -> Int? {
        var at = 0
        guard let flags = try element(bytes, &at, most: 8) else { return nil }
        guard flags.type == 6, flags.range.count == 8, let word = word(bytes, flags.range.lowerBound) else {
            throw MatFile.malformed("a variable has no flags")
        }
        guard let lengths = try element(bytes, &at, most: 4 * ArrayLimits.maxRank) else { return nil }
        guard lengths.type == 5, lengths.range.count % 4 == 0, lengths.range.count >= 8 else {
            throw MatFile.malformed("a variable has no lengths")
        }
        let shape = stride(from: lengths.range.lowerBound, to: lengths.range.upperBound, by: 4).map {
            Int(Int32(bitPattern: self.word(bytes, $0) ?? 0))
        }
        guard let title = try element(bytes, &at, most: Self.longestName) else { return nil }
        let name = String(decoding: bytes[title.range], as: UTF8.self)
        let type: ElementType? =
            word & 0x800 != 0 ? nil : word & 0xFF == 6 ? .float64 : word & 0xFF == 7 ? .float32 : nil
        guard let type else {
            header = Header(name: name, shape: shape, elementType: nil, storedType: .uint8, dataBytes: 0)
            return at
        }
        guard let (stored, start, count) = try dataTag(bytes, at) else { return nil }
        guard takesNumbers else {
            header = Header(name: name, shape: shape, elementType: type, storedType: stored, dataBytes: 0)
            return start
        }
        guard let elements = shape.checkedProduct(), elements <= limits.maxElements else {
            throw ArrayDecodingError(
                .tooLarge,
                "'\(fit(name, isOneLine: true))' has the shape \(shape); the limit is \(limits.maxElements) numbers")
        }
        guard count == elements * stored.byteSize else {
            throw MatFile.malformed("a variable of the shape \(shape) has \(count) bytes of \(stored)")
        }
        header = Header(name: name, shape: shape, elementType: type, storedType: stored, dataBytes: count)
        return start
    }

    /// The type of the numbers, where they begin and how many bytes they have.
    private func dataTag(
        _ bytes: UnsafeRawBufferPointer, _ at: Int
    ) throws(ArrayDecodingError) -> (ElementType, Int, Int)? {
        guard let first = word(bytes, at), let second = word(bytes, at + 4) else { return nil }
        let isSmall = first >> 16 != 0
        let types: [UInt32: ElementType] = [
            1: .int8, 2: .uint8, 3: .int16, 4: .uint16, 5: .int32, 6: .uint32, 7: .float32, 9: .float64, 12: .int64,
            13: .uint64,
        ]
        guard let type = types[first & 0xFFFF], !isSmall || first >> 16 <= 4 else {
            throw MatFile.malformed("a variable's numbers are of no type that is known")
        }
        return isSmall ? (type, at + 4, Int(first >> 16)) : (type, at + 8, Int(second))
    }

    /// A part before the numbers, and moves behind it; nil where it has not all come.
    private func element(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, most: Int
    ) throws(ArrayDecodingError) -> (type: UInt32, range: Range<Int>)? {
        guard let first = word(bytes, at), let second = word(bytes, at + 4) else { return nil }
        if first >> 16 != 0 {
            guard first >> 16 <= 4 else { throw MatFile.malformed("a part has a length that is none") }
            defer { at += 8 }
            return (first & 0xFFFF, at + 4..<at + 4 + Int(first >> 16))
        }
        guard Int(second) <= most else {
            throw ArrayDecodingError(
                .excessive, "a part of the MATLAB file claims \(second) bytes; the limit is \(most)")
        }
        let start = at + 8
        let end = start + (Int(second) + 7) / 8 * 8
        guard end <= bytes.count else { return nil }
        at = end
        return (first, start..<start + Int(second))
    }

    private func word(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> UInt32? {
        bytes.littleEndian(UInt32.self, at: at).map { isBig ? $0.byteSwapped : $0 }
    }
}
