/// Checks the inside of a JSON string byte by byte: escapes, control characters, surrogate pairs and UTF-8.
package struct JSONStringScanner {
    /// What a byte was.
    package enum Step: Equatable {
        case inside
        /// The byte was the closing quote.
        case ended
        case fault(String)
    }

    private enum State {
        case plain
        case escape
        /// Hexadecimal digits still to come, and those seen.
        case unicode(left: Int, value: UInt32)
        /// A high surrogate came; its low half must follow.
        case lowBackslash, lowEscape
    }

    private var state = State.plain
    private var isLowExpected = false
    private var utf8 = UTF8Checker()

    /// A scanner behind the opening quote.
    package init() {}

    /// Takes the next byte in.
    package mutating func take(_ byte: UInt8) -> Step {
        switch state {
        case .plain: return takePlain(byte)
        case .escape: return takeEscape(byte)
        case .unicode(let left, let value): return takeDigit(byte, left: left, value: value)
        case .lowBackslash:
            guard byte == UInt8(ascii: "\\") else { return .fault("half a surrogate pair stands alone") }
            state = .lowEscape
            return .inside
        case .lowEscape:
            guard byte == UInt8(ascii: "u") else { return .fault("half a surrogate pair stands alone") }
            state = .unicode(left: 4, value: 0)
            return .inside
        }
    }

    private mutating func takePlain(_ byte: UInt8) -> Step {
        if utf8.isInside || byte >= 0x80 {
            return utf8.take(byte) ? .inside : .fault("a string is not UTF-8")
        }
        switch byte {
        case UInt8(ascii: "\""): return .ended
        case UInt8(ascii: "\\"):
            state = .escape
            return .inside
        case 0..<0x20: return .fault("a control character stands in a string")
        default: return .inside
        }
    }

    private mutating func takeEscape(_ byte: UInt8) -> Step {
        switch byte {
        case UInt8(ascii: "u"): state = .unicode(left: 4, value: 0)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            state = .plain
        default: return .fault("an escape that JSON does not have")
        }
        return .inside
    }

    private mutating func takeDigit(_ byte: UInt8, left: Int, value: UInt32) -> Step {
        guard let digit = hexadecimalValue(byte) else { return .fault("four hexadecimal digits were expected") }
        let value = value << 4 | digit
        guard left == 1 else {
            state = .unicode(left: left - 1, value: value)
            return .inside
        }
        let isLow = (0xDC00...0xDFFF).contains(value)
        guard isLow == isLowExpected else { return .fault("half a surrogate pair stands alone") }
        isLowExpected = (0xD800...0xDBFF).contains(value)
        state = isLowExpected ? .lowBackslash : .plain
        return .inside
    }

    /// The text of a string's inside that has been checked.
    package static func decode(_ body: UnsafeRawBufferPointer) -> String {
        guard body.contains(UInt8(ascii: "\\")) else { return String(decoding: body, as: UTF8.self) }
        var units: [UInt8] = []
        var high: UInt32 = 0
        var at = 0
        while at < body.count {
            guard body[at] == UInt8(ascii: "\\") else {
                units.append(body[at])
                at += 1
                continue
            }
            let letter = body[at + 1]
            at += 2
            guard letter == UInt8(ascii: "u") else {
                units.append(plainEscape(letter))
                continue
            }
            let value = body[at..<at + 4].reduce(UInt32(0)) { $0 << 4 | (hexadecimalValue($1) ?? 0) }
            at += 4
            if (0xD800...0xDBFF).contains(value) {
                high = value
                continue
            }
            let isLow = (0xDC00...0xDFFF).contains(value)
            let scalar = isLow ? 0x10000 + ((high - 0xD800) << 10) + (value - 0xDC00) : value
            units.append(contentsOf: Array(String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8))
        }
        return String(decoding: units, as: UTF8.self)
    }

    private static func plainEscape(_ letter: UInt8) -> UInt8 {
        switch letter {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: letter
        }
    }
}

private func hexadecimalValue(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
}

/// Checks UTF-8 byte by byte (RFC 3629): no overlong forms, no surrogates, nothing past U+10FFFF.
struct UTF8Checker {
    private var left = 0
    private var allowed: ClosedRange<UInt8> = 0x80...0xBF

    /// Whether a character has begun and not ended.
    var isInside: Bool { left > 0 }

    /// False where the byte cannot stand here.
    mutating func take(_ byte: UInt8) -> Bool {
        if left > 0 {
            guard allowed.contains(byte) else { return false }
            left -= 1
            allowed = 0x80...0xBF
            return true
        }
        switch byte {
        case 0..<0x80: return true
        case 0xC2...0xDF: left = 1
        case 0xE0: (left, allowed) = (2, 0xA0...0xBF)
        case 0xED: (left, allowed) = (2, 0x80...0x9F)
        case 0xE1...0xEF: left = 2
        case 0xF0: (left, allowed) = (3, 0x90...0xBF)
        case 0xF1...0xF3: left = 3
        case 0xF4: (left, allowed) = (3, 0x80...0x8F)
        default: return false
        }
        return true
    }
}
