/// Writes the wire format of protocol buffers; which fields there are is the caller's business. What is zero or empty is left
/// out, as it is read back the same.
struct ProtobufWriter {
    private enum WireType: UInt64 {
        case varint = 0
        case fixed64 = 1
        case bytes = 2
        case fixed32 = 5
    }

    private(set) var bytes: [UInt8] = []

    /// A number of few bytes where it is small.
    mutating func varint(_ field: UInt64, _ value: UInt64) {
        guard value != 0 else { return }
        tag(field, .varint)
        append(varint: value)
    }

    /// A number of eight bytes.
    mutating func fixed64(_ field: UInt64, _ value: UInt64) {
        guard value != 0 else { return }
        tag(field, .fixed64)
        append(littleEndian: value, count: 8)
    }

    /// A number of four bytes.
    mutating func fixed32(_ field: UInt64, _ value: UInt32) {
        guard value != 0 else { return }
        tag(field, .fixed32)
        append(littleEndian: UInt64(value), count: 4)
    }

    /// Bytes.
    mutating func bytes(_ field: UInt64, _ value: [UInt8]) {
        guard !value.isEmpty else { return }
        tag(field, .bytes)
        append(varint: UInt64(value.count))
        bytes += value
    }

    /// Text.
    mutating func text(_ field: UInt64, _ value: String) { bytes(field, Array(value.utf8)) }

    /// A message, also an empty one.
    mutating func message(_ field: UInt64, _ body: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        body(&inner)
        tag(field, .bytes)
        append(varint: UInt64(inner.bytes.count))
        bytes += inner.bytes
    }

    /// One of several values of which one is there: zero and the empty text say something too.
    mutating func choice(_ field: UInt64, text value: String) {
        tag(field, .bytes)
        append(varint: UInt64(value.utf8.count))
        bytes += value.utf8
    }

    /// One of several values, a whole number.
    mutating func choice(_ field: UInt64, number value: UInt64) {
        tag(field, .varint)
        append(varint: value)
    }

    /// One of several values, a number.
    mutating func choice(_ field: UInt64, double value: Double) {
        tag(field, .fixed64)
        append(littleEndian: value.bitPattern, count: 8)
    }

    private mutating func tag(_ field: UInt64, _ type: WireType) { append(varint: field << 3 | type.rawValue) }

    private mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private mutating func append(littleEndian value: UInt64, count: Int) {
        for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
    }
}

/// Reads the wire format as far as an answer needs it: numbers and the messages around them.
struct ProtobufReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// The last value of a field that is a number; 0 where it is not there, nil where the bytes are no message.
    func varint(_ wanted: UInt64) -> UInt64? {
        var found: UInt64 = 0
        guard each({ field, value, _ in if field == wanted, let value { found = value } }) else { return nil }
        return found
    }

    /// The last value of a field that has bytes; empty where it is not there, nil where the bytes are no message.
    func bytes(_ wanted: UInt64) -> ArraySlice<UInt8>? {
        var found: ArraySlice<UInt8> = []
        guard each({ field, _, bytes in if field == wanted, let bytes { found = bytes } }) else { return nil }
        return found
    }

    private func each(_ body: (_ field: UInt64, _ value: UInt64?, _ bytes: ArraySlice<UInt8>?) -> Void) -> Bool {
        var reader = self
        while !reader.rest.isEmpty {
            guard let tag = reader.takeVarint() else { return false }
            switch tag & 7 {
            case 0:
                guard let value = reader.takeVarint() else { return false }
                body(tag >> 3, value, nil)
            case 1: guard reader.take(8) != nil else { return false }
            case 2:
                guard let count = reader.takeVarint().flatMap({ Int(exactly: $0) }), let bytes = reader.take(count)
                else { return false }
                body(tag >> 3, nil, bytes)
            case 5: guard reader.take(4) != nil else { return false }
            default: return false
            }
        }
        return true
    }

    private mutating func takeVarint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }
}
