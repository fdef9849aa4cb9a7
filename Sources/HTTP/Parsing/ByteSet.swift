/// A set of bytes that answers membership with a shift and a mask.
struct ByteSet: Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    private var includesBeyondASCII = false

    init(_ members: String, ranges: [ClosedRange<UInt8>] = [], beyondASCII: Bool = false) {
        for byte in members.utf8 { insert(byte) }
        for range in ranges {
            for byte in range { insert(byte) }
        }
        includesBeyondASCII = beyondASCII
    }

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        if byte >= 128 { return includesBeyondASCII }
        let word = byte < 64 ? low : high
        return (word &>> UInt64(byte & 63)) & 1 != 0
    }

    private mutating func insert(_ byte: UInt8) {
        guard byte < 128 else { return }
        if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
    }
}

extension ByteSet {
    private static let alphanumeric: [ClosedRange<UInt8>] = [0x30...0x39, 0x41...0x5A, 0x61...0x7A]

    /// `tchar`, the bytes of methods and field names (RFC 9110, 5.6.2).
    static let token = ByteSet("!#$%&'*+-.^_`|~", ranges: alphanumeric)
    /// What a field value may hold: visible bytes, space, tab and obs-text (RFC 9110, 5.5).
    static let fieldValue = ByteSet("\t", ranges: [0x20...0x7E], beyondASCII: true)
    /// Any visible ASCII byte: the first, coarse check of a request target.
    static let visible = ByteSet("", ranges: [0x21...0x7E])
    /// `pchar`, the slash and the percent sign (RFC 3986, 3.3).
    static let path = ByteSet("-._~!$&'()*+,;=:@/%", ranges: alphanumeric)
    /// As `path`, with `?` and those bytes that browsers leave alone in a query (WHATWG URL, query percent-encode set).
    static let query = ByteSet("-._~!$&'()*+,;=:@/%?[]{}|\\^`", ranges: alphanumeric)
    /// `reg-name` (RFC 3986, 3.2.2).
    static let registeredName = ByteSet("-._~!$&'()*+,;=%", ranges: alphanumeric)
    /// An IP literal between its brackets.
    static let ipLiteral = ByteSet("-._~!$&'()*+,;=:", ranges: alphanumeric)
    /// What a request id from outside may hold, since it is echoed in answers and logs.
    static let requestID = ByteSet("-._~:/+=@", ranges: alphanumeric)
    /// `qdtext` (RFC 9110, 5.6.4).
    static let quotedText = ByteSet("\t !", ranges: [0x23...0x5B, 0x5D...0x7E], beyondASCII: true)
}

/// The bytes that HTTP's grammar is made of, by name.
enum ASCII {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let quote: UInt8 = 0x22
    static let percent: UInt8 = 0x25
    static let ampersand: UInt8 = 0x26
    static let plus: UInt8 = 0x2B
    static let comma: UInt8 = 0x2C
    static let dash: UInt8 = 0x2D
    static let dot: UInt8 = 0x2E
    static let slash: UInt8 = 0x2F
    static let zero: UInt8 = 0x30
    static let colon: UInt8 = 0x3A
    static let semicolon: UInt8 = 0x3B
    static let equals: UInt8 = 0x3D
    static let questionMark: UInt8 = 0x3F
    static let openBracket: UInt8 = 0x5B
    static let backslash: UInt8 = 0x5C
    static let closeBracket: UInt8 = 0x5D

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- zero < 10 }

    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    /// The text with the letters A to Z in lower case, and no others: by Unicode's rules U+212A would become a k.
    static func lowercased(_ text: some StringProtocol) -> String {
        String(decoding: text.utf8.map(lowercased), as: UTF8.self)
    }

    /// Whether two texts are the same bytes but for the case of the letters A to Z.
    static func equal(_ text: some StringProtocol, ignoringCase other: some StringProtocol) -> Bool {
        text.utf8.lazy.map(lowercased).elementsEqual(other.utf8.lazy.map(lowercased))
    }

    /// The value of a hexadecimal digit, nil for any other byte.
    @inline(__always)
    static func hexValue(_ byte: UInt8) -> UInt8? {
        if isDigit(byte) { return byte &- zero }
        let letter = byte | 0x20
        return letter &- 0x61 < 6 ? letter &- 0x61 &+ 10 : nil
    }

    /// Whether two runs of bytes are the same but for the case of letters; `lowercase` must be lower-case already.
    static func equal(_ bytes: some Collection<UInt8>, lowercase: StaticString) -> Bool {
        guard bytes.count == lowercase.utf8CodeUnitCount else { return false }
        var index = 0
        for byte in bytes {
            // Sound: a StaticString has utf8CodeUnitCount bytes at utf8Start for ever, and index stays below that.
            if lowercased(byte) != lowercase.utf8Start[index] { return false }
            index += 1
        }
        return true
    }
}
