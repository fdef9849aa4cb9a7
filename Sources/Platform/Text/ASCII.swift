/// Signs by name, and what is known of bytes without Unicode's rules, to which the Kelvin sign is a k.
public enum ASCII {
    /// 0x09.
    @inlinable public static var tab: UInt8 { 0x09 }
    /// 0x0A.
    @inlinable public static var lineFeed: UInt8 { 0x0A }
    /// 0x0D.
    @inlinable public static var carriageReturn: UInt8 { 0x0D }
    /// 0x20.
    @inlinable public static var space: UInt8 { 0x20 }
    /// 0x22.
    @inlinable public static var quote: UInt8 { 0x22 }
    /// 0x25.
    @inlinable public static var percent: UInt8 { 0x25 }
    /// 0x26.
    @inlinable public static var ampersand: UInt8 { 0x26 }
    /// 0x2B.
    @inlinable public static var plus: UInt8 { 0x2B }
    /// 0x2C.
    @inlinable public static var comma: UInt8 { 0x2C }
    /// 0x2D.
    @inlinable public static var dash: UInt8 { 0x2D }
    /// 0x2E.
    @inlinable public static var dot: UInt8 { 0x2E }
    /// 0x2F.
    @inlinable public static var slash: UInt8 { 0x2F }
    /// 0x30.
    @inlinable public static var zero: UInt8 { 0x30 }
    /// 0x3A.
    @inlinable public static var colon: UInt8 { 0x3A }
    /// 0x3B.
    @inlinable public static var semicolon: UInt8 { 0x3B }
    /// 0x3D.
    @inlinable public static var equals: UInt8 { 0x3D }
    /// 0x3F.
    @inlinable public static var questionMark: UInt8 { 0x3F }
    /// 0x5B.
    @inlinable public static var openBracket: UInt8 { 0x5B }
    /// 0x5C.
    @inlinable public static var backslash: UInt8 { 0x5C }
    /// 0x5D.
    @inlinable public static var closeBracket: UInt8 { 0x5D }

    /// Whether it is a space or a tab.
    @inlinable @inline(__always)
    public static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    /// Whether it is a digit.
    @inlinable @inline(__always)
    public static func isDigit(_ byte: UInt8) -> Bool { byte &- zero < 10 }

    /// Whether it is a letter.
    @inlinable @inline(__always)
    public static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

    /// Whether it is a letter or a digit.
    @inlinable @inline(__always)
    public static func isAlphanumeric(_ byte: UInt8) -> Bool { isDigit(byte) || isLetter(byte) }

    /// A letter A to Z in lower case, and any other byte as it is.
    @inlinable @inline(__always)
    public static func lowercased(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    /// The text with the letters A to Z in lower case, and no others: by Unicode's rules U+212A would become a k.
    @inlinable
    public static func lowercased(_ text: some StringProtocol) -> String {
        String(decoding: text.utf8.map(lowercased), as: UTF8.self)
    }

    /// Whether two texts are the same bytes but for the case of the letters A to Z.
    @inlinable
    public static func equal(_ text: some StringProtocol, ignoringCase other: some StringProtocol) -> Bool {
        text.utf8.lazy.map(lowercased).elementsEqual(other.utf8.lazy.map(lowercased))
    }

    /// The value of a hexadecimal digit, nil for any other byte.
    @inlinable @inline(__always)
    public static func hexValue(_ byte: UInt8) -> UInt8? {
        if isDigit(byte) { return byte &- zero }
        let letter = byte | 0x20
        return letter &- 0x61 < 6 ? letter &- 0x61 &+ 10 : nil
    }

    /// Whether it is a hexadecimal digit.
    @inlinable @inline(__always)
    public static func isHexDigit(_ byte: UInt8) -> Bool { hexValue(byte) != nil }

    /// Whether two runs of bytes are the same but for the case of letters; `lowercase` must be lower-case already.
    @inlinable
    public static func equal(_ bytes: some Collection<UInt8>, lowercase: StaticString) -> Bool {
        guard bytes.count == lowercase.utf8CodeUnitCount else { return false }
        var index = 0
        for byte in bytes {
            // Sound: a StaticString has utf8CodeUnitCount bytes at utf8Start for ever, and index stays below that.
            if lowercased(byte) != lowercase.utf8Start[index] { return false }
            index += 1
        }
        return true
    }

    /// The number that decimal digits alone write; nil for other bytes, none, or more than `most` of them.
    public static func number(_ digits: some Collection<UInt8>, most: Int) -> Int? {
        guard (1...most).contains(digits.count), digits.allSatisfy(isDigit) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - zero) }
    }
}
