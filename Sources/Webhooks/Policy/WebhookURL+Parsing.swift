import Platform

extension WebhookURL {
    /// Reads an absolute `http` or `https` URL of RFC 3986, in ASCII, as it is to be sent: what needs percent-encoding
    /// has it, names are in their xn-- form.
    public init(_ text: String) throws(WebhookURLError) {
        let bytes = Array(text.utf8.prefix(Self.maxBytes + 1))
        guard bytes.count <= Self.maxBytes else { throw .tooLong(text.utf8.count) }
        if let byte = bytes.first(where: { $0 <= 0x20 || $0 >= 0x7F }) { throw .forbiddenByte(byte) }
        let (scheme, start) = try Self.scheme(bytes)
        let rest = bytes[start...]
        if rest.contains(UInt8(ascii: "#")) { throw .fragment }
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
        let (host, port) = try Self.authority(rest[..<end])
        let target = rest[end...]
        try Self.checkTarget(target)
        let isBare = target.first != UInt8(ascii: "/")
        self.init(
            scheme: scheme, host: host, port: port ?? scheme.defaultPort,
            target: (isBare ? "/" : "") + String(decoding: target, as: UTF8.self))
        // The form in which it is kept may be the longer one, and has to read back.
        let count = self.text.utf8.count
        guard count <= Self.maxBytes else { throw .tooLong(count) }
    }

    private static func scheme(_ bytes: [UInt8]) throws(WebhookURLError) -> (Scheme, Int) {
        for scheme in [Scheme.https, .http] {
            let mark = scheme.rawValue + "://"
            let count = mark.utf8.count
            // Letters of a scheme may be large; the marks after it have the bit that makes them so anyway.
            let isSame =
                bytes.count >= count
                && zip(bytes, mark.utf8).allSatisfy { $0 == $1 || ASCII.isLetter($0) && $0 | 0x20 == $1 }
            if isSame { return (scheme, count) }
        }
        throw .scheme
    }

    private static func authority(_ bytes: ArraySlice<UInt8>) throws(WebhookURLError) -> (Host, UInt16?) {
        if bytes.contains(UInt8(ascii: "@")) { throw .userInformation }
        if bytes.first == UInt8(ascii: "[") {
            guard let end = bytes.firstIndex(of: UInt8(ascii: "]")) else { throw .host("its ']' is missing") }
            let literal = String(decoding: bytes[(bytes.startIndex + 1)..<end], as: UTF8.self)
            guard literal.utf8.contains(UInt8(ascii: ":")), let address = IPAddress(literal) else {
                throw .host("what stands in brackets is no IPv6 address")
            }
            return (.address(address), try port(bytes[(end + 1)...]))
        }
        let end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
        return (try host(bytes[..<end]), try port(bytes[end...]))
    }

    /// Reads nothing, or a colon and a number.
    static func port(_ bytes: ArraySlice<UInt8>) throws(WebhookURLError) -> UInt16? {
        guard let first = bytes.first else { return nil }
        guard first == UInt8(ascii: ":"), let number = ASCII.number(bytes.dropFirst(), most: 5),
            let port = UInt16(exactly: number), port > 0
        else { throw .port }
        return port
    }

    static func host(_ bytes: ArraySlice<UInt8>) throws(WebhookURLError) -> Host {
        guard !bytes.isEmpty else { throw .host("it is empty") }
        guard bytes.count <= 253 else { throw .host("it has \(bytes.count) bytes, names have at most 253") }
        let labels = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        for label in labels {
            guard !label.isEmpty else { throw .host("a part between its dots is empty") }
            guard label.count <= 63 else { throw .host("a part has \(label.count) bytes, they have at most 63") }
            guard label.allSatisfy(isHostByte) else {
                throw .host("a name has letters, digits, hyphens and dots alone, others in their xn-- form")
            }
        }
        let text = String(decoding: bytes, as: UTF8.self)
        if let last = labels.last, isNumeric(last) {
            // Resolvers take 0x7f.1, 017700000001 and 2130706433 for 127.0.0.1; nobody writes so who means well.
            guard let address = IPAddress(text) else {
                throw .host("it ends in a number, but is not such as 192.0.2.1")
            }
            return .address(address)
        }
        return .name(text.asciiLowercase)
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        ASCII.isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    /// Digits alone, or 0x and hexadecimal digits.
    private static func isNumeric(_ label: ArraySlice<UInt8>) -> Bool {
        if label.allSatisfy(ASCII.isDigit) { return true }
        let isHexadecimal =
            label.count >= 2 && label.starts(with: [UInt8(ascii: "0")])
            && label[label.startIndex + 1] | 0x20 == UInt8(ascii: "x")
        return isHexadecimal && label.dropFirst(2).allSatisfy(ASCII.isHexDigit)
    }

    /// Path and query hold what RFC 3986 lets them hold, and whole escapes.
    private static func checkTarget(_ target: ArraySlice<UInt8>) throws(WebhookURLError) {
        for index in target.indices {
            let byte = target[index]
            if byte == UInt8(ascii: "%") {
                let digits = target[(index + 1)...].prefix(2)
                guard digits.count == 2, digits.allSatisfy(ASCII.isHexDigit) else { throw .escape }
            } else if !ASCII.isAlphanumeric(byte), !targetMarks.contains(byte) {
                throw .forbiddenByte(byte)
            }
        }
    }

    /// The bytes other than letters and digits that stand for themselves. Brackets are not among them by RFC 3986, but
    /// names of queries have them often, and do no harm.
    private static let targetMarks = Set("-._~!$&'()*+,;=:@/?[]".utf8)
}
