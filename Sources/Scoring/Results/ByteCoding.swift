import Formats

/// Writes the fields of a stored value one after another, little-endian, texts and lists with their lengths.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    init() {}

    /// One that goes on after `bytes`.
    init(_ bytes: [UInt8], reserving count: Int) {
        self.bytes = bytes
        self.bytes.reserveCapacity(bytes.count + count)
    }

    mutating func integer(_ value: Int) {
        withUnsafeBytes(of: Int64(value).littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func double(_ value: Double) { integer(Int(bitPattern: UInt(value.bitPattern))) }

    mutating func text(_ value: String) {
        integer(value.utf8.count)
        bytes.append(contentsOf: value.utf8)
    }

    mutating func block(_ value: [UInt8]) {
        integer(value.count)
        bytes += value
    }

    mutating func floats(_ values: [Float]) {
        integer(values.count)
        append(values)
    }

    /// Writes numbers without how many they are.
    mutating func append(_ values: [Float]) {
        #if _endian(little)
            values.withUnsafeBytes { bytes.append(contentsOf: $0) }
        #else
            for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) } }
        #endif
    }
}

/// Reads what `ByteWriter` wrote; nil where the bytes do not fit.
struct ByteReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    private init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func integer() -> Int? {
        take(8).map { bytes in
            Int(truncatingIfNeeded: bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        }
    }

    mutating func double() -> Double? { integer().map { Double(bitPattern: UInt64(bitPattern: Int64($0))) } }

    mutating func text() -> String? {
        guard let count = integer(), let bytes = take(count) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    mutating func block() -> [UInt8]? {
        guard let count = integer(), let bytes = take(count) else { return nil }
        return Array(bytes)
    }

    mutating func floats() -> [Float]? {
        guard let bytes = floatBytes() else { return nil }
        return bytes.floats(in: 0..<bytes.floatsLeft)
    }

    /// The bytes of the floats that come next, for those who want some of them.
    mutating func floatBytes() -> ByteReader? {
        guard let count = integer(), count >= 0, count <= rest.count / 4, let bytes = take(4 * count) else {
            return nil
        }
        return ByteReader(bytes)
    }

    /// How many floats the rest has room for.
    var floatsLeft: Int { rest.count / 4 }

    /// Some of the floats that the rest consists of; nil where it has not so many.
    func floats(in range: Range<Int>) -> [Float]? {
        guard range.lowerBound >= 0, range.upperBound <= floatsLeft else { return nil }
        let start = rest.startIndex
        return rest[start + 4 * range.lowerBound..<start + 4 * range.upperBound].withUnsafeBytes {
            ElementType.float32.floats($0)
        }
    }
}
