import TestSupport

@testable import Formats

/// MATLAB files of version 5, as `save` writes them.
struct TestMat {
    /// A variable: its class and what its numbers are stored as.
    struct Variable {
        var name = "features"
        var shape = [2, 3]
        /// 6 for double, 7 for single.
        var kind: UInt32 = 6
        var flags: UInt32 = 0
        /// 9 for double, 7 for single, 2 for bytes.
        var stored: UInt32 = 9
        /// Column after column.
        var values: [Double] = [1, 2, 3, 4, 5, 6]
        var isPacked = false
    }

    var isBig = false
    var variables: [Variable] = [Variable()]

    var bytes: [UInt8] {
        var bytes = Array("MATLAB 5.0 MAT-file, by a test".utf8)
        bytes += [UInt8](repeating: UInt8(ascii: " "), count: 124 - bytes.count)
        bytes += isBig ? [1, 0] + Array("MI".utf8) : [0, 1] + Array("IM".utf8)
        for variable in variables {
            let whole = element(14, body(of: variable))
            bytes += variable.isPacked ? tag(15, Self.packed(whole).count) + Self.packed(whole) : whole
        }
        return bytes
    }

    private func body(of variable: Variable) -> [UInt8] {
        let numbers: [UInt8] = variable.values.flatMap { value -> [UInt8] in
            switch variable.stored {
            case 9: number(value.bitPattern)
            case 7: number(Float(value).bitPattern)
            default: [UInt8(value)]
            }
        }
        let lengths = variable.shape.flatMap { number(UInt32(truncatingIfNeeded: $0)) }
        return element(6, number(variable.flags | variable.kind) + number(UInt32(0))) + element(5, lengths)
            + element(1, Array(variable.name.utf8)) + element(variable.stored, numbers)
    }

    private func tag(_ type: UInt32, _ count: Int) -> [UInt8] { number(type) + number(UInt32(count)) }

    private func element(_ type: UInt32, _ body: [UInt8]) -> [UInt8] {
        // Four bytes and fewer stand in the tag.
        if body.count <= 4, type != 14, type != 5 {
            return number(UInt32(body.count) << 16 | type) + body + [UInt8](repeating: 0, count: 4 - body.count)
        }
        return tag(type, body.count) + body + [UInt8](repeating: 0, count: (8 - body.count % 8) % 8)
    }

    private func number<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: isBig ? value.bigEndian : value.littleEndian) { Array($0) }
    }

    /// zlib's form without compression: a block for each 65,535 bytes, and Adler's sum.
    static func packed(_ bytes: [UInt8]) -> [UInt8] {
        var packed: [UInt8] = [0x78, 0x01]
        var (low, high): (UInt32, UInt32) = (1, 0)
        for byte in bytes { (low, high) = ((low + UInt32(byte)) % 65_521, (high + low + UInt32(byte)) % 65_521) }
        for start in stride(from: 0, to: max(bytes.count, 1), by: 65_535) {
            let block = bytes[start..<min(start + 65_535, bytes.count)]
            let count = UInt16(block.count)
            packed.append(start + 65_535 >= bytes.count ? 1 : 0)
            packed += withUnsafeBytes(of: count.littleEndian) { Array($0) }
            packed += withUnsafeBytes(of: (~count).littleEndian) { Array($0) }
            packed += block
        }
        return packed + withUnsafeBytes(of: (high << 16 | low).bigEndian) { Array($0) }
    }
}
