import Formats
import Foundation
import Testing

@Suite("Element types")
struct ElementTypeTests {
    /// The value of a half-precision pattern by the standard's definition.
    private func half(_ bits: UInt16) -> Float {
        let sign: Double = bits & 0x8000 == 0 ? 1 : -1
        let exponent = Int(bits >> 10) & 31
        let fraction = Double(bits & 0x3FF)
        switch exponent {
        case 31: return fraction == 0 ? Float(sign) * .infinity : .nan
        case 0: return Float(sign * fraction * pow(2, -24))
        default: return Float(sign * (1 + fraction / 1024) * pow(2, Double(exponent - 15)))
        }
    }

    private func isSame(_ a: Float, _ b: Float) -> Bool { a.isNaN ? b.isNaN : a.bitPattern == b.bitPattern }

    @Test("every float16 and every bfloat16 comes out exactly, in both byte orders")
    func exhaustive() {
        let all = (0...UInt16.max).map { $0 }
        let little = all.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
        let big = all.flatMap { [UInt8(truncatingIfNeeded: $0 >> 8), UInt8(truncatingIfNeeded: $0)] }
        for (bytes, order) in [(little, ByteOrder.little), (big, .big)] {
            let halves = bytes.withUnsafeBytes { ElementType.float16.floats($0, order) }
            #expect(zip(halves, all).allSatisfy { isSame($0, half($1)) })
            let brains = bytes.withUnsafeBytes { ElementType.bfloat16.floats($0, order) }
            #expect(zip(brains, all).allSatisfy { isSame($0, Float(bitPattern: UInt32($1) << 16)) })
        }
    }

    @Test(
        "integers and booleans become the nearest float",
        arguments: [
            (ElementType.int8, [UInt8(0xFF)], Float(-1)), (.uint8, [0xFF], 255), (.bool, [2], 1), (.bool, [0], 0),
            (.int16, [0, 0x80], -32768), (.uint16, [0, 0x80], 32768), (.int32, [0xFE, 0xFF, 0xFF, 0xFF], -2),
            (.uint32, [0, 0, 0, 0x80], 2_147_483_648), (.int64, [0, 0, 0, 0, 0, 0, 0, 0x80], -9.223372e18),
            (.uint64, [255, 255, 255, 255, 255, 255, 255, 255], 1.8446744e19),
        ])
    func integers(type: ElementType, bytes: [UInt8], expected: Float) {
        #expect(bytes.withUnsafeBytes { type.floats($0) } == [expected])
    }

    @Test("a double beyond float32 becomes infinite, one between two floats goes to the even one")
    func doubles() {
        let values: [Double] = [1e300, -1e300, 1 + 0x1p-24, 1 + 0x3p-24, .nan]
        let floats = values.withUnsafeBytes { ElementType.float64.floats($0) }
        #expect(floats[0] == .infinity && floats[1] == -.infinity && floats[4].isNaN)
        #expect(floats[2] == 1 && floats[3] == 1 + 0x1p-22)
    }

    @Test("bytes need no alignment")
    func unaligned() {
        var bytes: [UInt8] = [0]
        bytes.append(littleEndian: Float(2.5).bitPattern)
        #expect(
            bytes.withUnsafeBytes { ElementType.float32.floats(UnsafeRawBufferPointer(rebasing: $0[1...])) } == [2.5])
    }

    @Test("names in safetensors lead back to the type", arguments: ElementType.allCases)
    func names(type: ElementType) { #expect(ElementType(safetensorsName: type.safetensorsName) == type) }
}

@Suite("Rounding to 16 bits")
struct HalfBitsTests {
    private func half(_ bits: UInt16) -> Float {
        withUnsafeBytes(of: bits.littleEndian) { ElementType.float16.floats($0)[0] }
    }

    @Test("every float16 and bfloat16 number rounds to itself")
    func exact() {
        for bits in UInt16.min...UInt16.max {
            if !half(bits).isNaN { #expect(half(bits).halfBits == bits) }
            let brain = Float(bitPattern: UInt32(bits) << 16)
            if !brain.isNaN { #expect(brain.brainBits == bits) }
        }
        #expect(half(Float.nan.halfBits).isNaN)
        #expect(Float(bitPattern: UInt32(Float.nan.brainBits) << 16).isNaN)
    }

    @Test("between two numbers the nearer is taken, halfway the even one")
    func nearest() {
        for bits in UInt16(0)..<0x7bff {
            let (low, high) = (half(bits), half(bits + 1))
            let middle = low + (high - low) / 2
            #expect(middle.halfBits == (bits % 2 == 0 ? bits : bits + 1))
            #expect(middle.nextDown.halfBits == bits)
            #expect(middle.nextUp.halfBits == bits + 1)
            #expect((-middle.nextUp).halfBits == bits + 1 | 0x8000)
        }
        for bits in UInt32(0)..<0x7f7f {
            let middle = Float(bitPattern: bits << 16 | 0x8000)
            #expect(middle.brainBits == UInt16(bits + bits % 2))
            #expect(middle.nextUp.brainBits == UInt16(bits + 1))
        }
        #expect(Float(65_520).halfBits == 0x7c00)
        #expect(Float(65_519.9).halfBits == 0x7bff)
    }
}
