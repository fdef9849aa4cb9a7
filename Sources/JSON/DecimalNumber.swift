/// A number as JSON writes it, taken apart: `0.significand × 10^exponent` with up to nineteen digits kept exactly.
package struct DecimalNumber {
    /// The first nineteen digits that count.
    package private(set) var significand: UInt64 = 0
    /// The power of ten that `significand` is multiplied by.
    package private(set) var exponent = 0
    package private(set) var isNegative = false
    private let text: UnsafeRawBufferPointer

    /// Whether a byte can be part of a number; the first that cannot ends it.
    @inlinable @inline(__always)
    package static func isNumberByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+"),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    /// Nil where `text` is not a number by RFC 8259, section 6. The bytes must stay valid while the value is used.
    package init?(_ text: UnsafeRawBufferPointer) {
        self.text = text
        var at = 0
        var kept = 0
        func isDigit(_ at: Int) -> Bool { at < text.count && text[at] &- 0x30 <= 9 }
        func has(_ character: Unicode.Scalar) -> Bool { at < text.count && text[at] == UInt8(ascii: character) }

        if has("-") { (isNegative, at) = (true, 1) }
        guard isDigit(at) else { return nil }
        if has("0") && isDigit(at + 1) { return nil }
        while isDigit(at) {
            keep(text[at], &kept, shift: 0, dropped: 1)
            at += 1
        }
        if has(".") {
            at += 1
            guard isDigit(at) else { return nil }
            while isDigit(at) {
                keep(text[at], &kept, shift: -1, dropped: 0)
                at += 1
            }
        }
        if has("e") || has("E") {
            at += 1
            let isDown = has("-")
            if isDown || has("+") { at += 1 }
            guard isDigit(at) else { return nil }
            var power = 0
            while isDigit(at) {
                // Far beyond every float; a longer exponent changes nothing.
                if power < 1_000_000_000 { power = power * 10 + Int(text[at] &- 0x30) }
                at += 1
            }
            exponent += isDown ? -power : power
        }
        guard at == text.count else { return nil }
    }

    @inline(__always)
    private mutating func keep(_ digit: UInt8, _ kept: inout Int, shift: Int, dropped: Int) {
        guard kept < 19 else {
            exponent += dropped
            return
        }
        significand = significand * 10 + UInt64(digit &- 0x30)
        if significand > 0 { kept += 1 }
        exponent += shift
    }

    /// The nearest float32, ties to even; infinite where the number is beyond the range.
    ///
    /// The usual case is one multiplication or division of doubles. `Double(significand)` is off by at most 2^-53 of
    /// itself, digits past the nineteenth add less than 2^-59, powers of ten up to 10^22 are exact, and the operation
    /// rounds once more: the double is within 2.1 units in its last place of the true number. Floats keep 29 bits
    /// fewer than doubles, so if the double is further than 8 such units from the middle between two floats, the true
    /// number lies on the same side of that middle, and rounding the double gives what rounding the number would.
    /// Otherwise, and outside the range of normal floats, the C library decides from the text.
    package var float: Float {
        if significand == 0 { return isNegative ? -0.0 : 0.0 }
        guard abs(exponent) <= 22 else { return roundedByLibrary }
        let power = DecimalNumber.powersOfTen[abs(exponent)]
        let magnitude = exponent < 0 ? Double(significand) / power : Double(significand) * power
        guard magnitude >= 0x1p-125, magnitude < 0x1p127 else { return roundedByLibrary }
        let lowBits = Int(truncatingIfNeeded: magnitude.bitPattern & 0x1FFF_FFFF)
        guard abs(lowBits - 0x1000_0000) > 8 else { return roundedByLibrary }
        return Float(isNegative ? -magnitude : magnitude)
    }

    private var roundedByLibrary: Float { Float(String(decoding: text, as: UTF8.self)) ?? .infinity }

    private static let powersOfTen: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]
}
