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
