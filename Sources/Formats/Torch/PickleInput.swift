import Platform

/// The bytes of a pickle with a position, read with bounds checked.
struct PickleInput {
    private let data: UnsafeRawBufferPointer
    /// Bytes passed so far.
    private(set) var position = 0

    init(_ data: UnsafeRawBufferPointer) { self.data = data }

    /// Whether all bytes have been passed.
    var isAtEnd: Bool { position == data.count }

    /// The next `count` bytes, where they are.
    mutating func bytes(_ count: Int) throws(PickleError) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= data.count - position else {
            throw PickleError(
                .malformed,
                "the pickle claims \(count) bytes at byte \(position), and \(data.count - position) are left")
        }
        defer { position += count }
        return data.part(position..<position + count)
    }

    mutating func opcode() throws(PickleError) -> PickleOpcode {
        guard position < data.count else {
            throw PickleError(.malformed, "the pickle ends after \(position) bytes, before its STOP")
        }
        let code = try byte()
        guard let opcode = PickleOpcode(rawValue: code) else {
            let digits = String(code, radix: 16, uppercase: true)
            throw PickleError(.malformed, "the byte 0x\(digits) at byte \(position - 1) is no pickle instruction")
        }
        return opcode
    }

    mutating func byte() throws(PickleError) -> UInt8 { try bytes(1)[0] }

    mutating func unsigned2() throws(PickleError) -> Int {
        Int(UInt16(littleEndian: try bytes(2).loadUnaligned(as: UInt16.self)))
    }

    mutating func signed4() throws(PickleError) -> Int {
        Int(Int32(littleEndian: try bytes(4).loadUnaligned(as: Int32.self)))
    }

    /// A length or number of four bytes, taken as unsigned.
    mutating func length4() throws(PickleError) -> Int {
        Int(UInt32(littleEndian: try bytes(4).loadUnaligned(as: UInt32.self)))
    }

    mutating func length8() throws(PickleError) -> Int {
        let length = UInt64(littleEndian: try bytes(8).loadUnaligned(as: UInt64.self))
        guard let value = Int(exactly: length) else {
            throw PickleError(.malformed, "the pickle claims \(length) bytes at byte \(position)")
        }
        return value
    }

    mutating func bigEndianDouble() throws(PickleError) -> Double {
        Double(bitPattern: UInt64(bigEndian: try bytes(8).loadUnaligned(as: UInt64.self)))
    }

    /// A name up to the next newline, which is passed too.
    mutating func line() throws(PickleError) -> String {
        let window = data.part(position..<min(data.count, position + 1024))
        guard let end = window.firstIndex(of: 0x0A), let text = String(validating: window.part(0..<end), as: UTF8.self)
        else { throw PickleError(.malformed, "the pickle has no name of text at byte \(position)") }
        position += end + 1
        return text
    }
}
