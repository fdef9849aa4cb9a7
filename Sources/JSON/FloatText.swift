/// A float32 as text, digit by digit what Swift's `description` gives: 0.25, 1.5e-05, -3.0.
enum FloatText {
    /// Bytes that a number takes at most.
    static let longest = 16

    /// Above this, as below 0.0001, an exponent is written.
    private static let largestPlain: Float = 0x1p24

    /// Writes a finite number.
    ///
    /// Sound: nine digits, a sign, a point and what else there is (three zeros after `0.`, or `e-45`) are no more than
    /// `longest` bytes, which the caller has room for.
    ///
    /// - Returns: how many bytes it took
    static func write(_ value: Float, to start: UnsafeMutablePointer<UInt8>) -> Int {
        var text = start
        if value.sign == .minus {
            text.pointee = UInt8(ascii: "-")
            text += 1
        }
        let decimal = ShortestDecimal(magnitudeOf: value)
        let count = digitCount(decimal.digits)
        // The value is 0.ddd times ten to the power of this.
        let point = decimal.exponent + count
        if decimal.digits != 0, point < -3 || value.magnitude > largestPlain {
            text = writeScientific(decimal.digits, count, exponent: point - 1, to: text)
        } else if point > 0, point < count {
            // The digits, and those before the point once more, one place further left.
            writeDigits(decimal.digits, count, to: text + 1)
            for index in 0..<point { text[index] = text[index + 1] }
            text[point] = UInt8(ascii: ".")
            text += count + 1
        } else if point > 0 {
            writeDigits(decimal.digits, count, to: text)
            for index in count..<point { text[index] = UInt8(ascii: "0") }
            text[point] = UInt8(ascii: ".")
            text[point + 1] = UInt8(ascii: "0")
            text += point + 2
        } else {
            for index in 0..<(2 - point) { text[index] = UInt8(ascii: "0") }
            text[1] = UInt8(ascii: ".")
            writeDigits(decimal.digits, count, to: text + (2 - point))
            text += 2 - point + count
        }
        return text - start
    }

    private static func writeScientific(
        _ digits: UInt32, _ count: Int, exponent: Int, to start: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var text = start
        if count == 1 {
            text[0] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digits)
            text += 1
        } else {
            writeDigits(digits, count, to: text + 1)
            text[0] = text[1]
            text[1] = UInt8(ascii: ".")
            text += count + 1
        }
        text[0] = UInt8(ascii: "e")
        text[1] = exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+")
        writePair(UInt32(exponent.magnitude), to: text + 2)
        return text + 4
    }

    private static func digitCount(_ digits: UInt32) -> Int {
        if digits >= 10_000 {
            if digits >= 10_000_000 { return digits >= 100_000_000 ? 9 : 8 }
            return digits >= 1_000_000 ? 7 : digits >= 100_000 ? 6 : 5
        }
        if digits >= 100 { return digits >= 1_000 ? 4 : 3 }
        return digits >= 10 ? 2 : 1
    }

    /// Writes all `count` digits, the last ones first.
    private static func writeDigits(_ digits: UInt32, _ count: Int, to text: UnsafeMutablePointer<UInt8>) {
        var rest = digits
        var end = count
        while end >= 2 {
            let (left, pair) = rest.quotientAndRemainder(dividingBy: 100)
            end -= 2
            writePair(pair, to: text + end)
            rest = left
        }
        if end == 1 { text.pointee = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest) }
    }

    /// Two digits of a number below 100.
    private static func writePair(_ pair: UInt32, to text: UnsafeMutablePointer<UInt8>) {
        let tens = pair / 10
        text[0] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: tens)
        text[1] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: pair - 10 * tens)
    }
}
