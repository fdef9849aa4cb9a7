import Platform

/// Where a client wants to be told that its job has ended.
///
/// Its description is what may stand in logs: many receivers keep a token in path or query.
public struct WebhookURL: Sendable, Hashable, CustomStringConvertible {
    /// How the receiver is spoken to.
    public enum Scheme: String, Sendable {
        case http, https

        var defaultPort: UInt16 { self == .http ? 80 : 443 }
    }

    /// Whom the URL names.
    public enum Host: Sendable, Hashable, CustomStringConvertible {
        /// A name in small letters.
        case name(String)
        /// An address in numbers.
        case address(IPAddress)

        /// As in URLs: an IPv6 address stands in brackets.
        public var description: String {
            switch self {
            case .name(let name): name
            case .address(let address): address.isIPv4 ? "\(address)" : "[\(address)]"
            }
        }
    }

    /// More is refused.
    public static let maxBytes = 2048

    /// `http` or `https`.
    public let scheme: Scheme
    /// A name, or an address in numbers.
    public let host: Host
    /// The port, which is the scheme's where none was written.
    public let port: UInt16
    /// Path and query, as they are sent.
    public let target: String

    init(scheme: Scheme, host: Host, port: UInt16, target: String) {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.target = target
    }

    /// Host and port as they stand in a Host field, the port only where it is not the scheme's own.
    var authority: String { port == scheme.defaultPort ? "\(host)" : "\(host):\(port)" }

    /// The whole URL; reads back as the same.
    public var text: String { "\(scheme)://\(authority)\(target)" }

    /// Scheme, host and port alone.
    public var description: String { "\(scheme)://\(authority)" }
}

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

/// Why a text is no URL for notices. The text itself is not shown, since it may hold a token.
public enum WebhookURLError: Error, Sendable, Equatable, CustomStringConvertible {
    /// It has so many bytes, which are too many.
    case tooLong(Int)
    /// A byte has to be percent-encoded, or has no place in a URL at all.
    case forbiddenByte(UInt8)
    /// It does not begin with `http://` or `https://`.
    case scheme
    /// There is a name or a password before the host.
    case userInformation
    /// There is a `#`, and what follows it would never be sent.
    case fragment
    /// The host can't be used.
    case host(String)
    /// The port is no number from 1 to 65535.
    case port
    /// After a `%` two hexadecimal digits are missing.
    case escape

    /// What is wrong, to stand after a name for the text.
    public var description: String {
        switch self {
        case .tooLong(let count): "it has \(count) bytes, at most \(WebhookURL.maxBytes) are taken"
        case .forbiddenByte(let byte): "\(Self.name(of: byte)) has to be percent-encoded"
        case .scheme: "it does not begin with http:// or https://"
        case .userInformation: "it has an '@' before the path: names and passwords are not taken"
        case .fragment: "it has a '#': what follows would never be sent, and in a query it has to be %23"
        case .host(let problem): "its host can't be used: \(problem)"
        case .port: "its port is no number from 1 to 65535"
        case .escape: "after a '%' two hexadecimal digits are missing"
        }
    }

    private static func name(of byte: UInt8) -> String {
        switch byte {
        case 0x20: "a space"
        case 0x21...0x7E: "'\(Character(UnicodeScalar(byte)))'"
        case 0x80...: "a character beyond ASCII"
        default: "a control character"
        }
    }
}
