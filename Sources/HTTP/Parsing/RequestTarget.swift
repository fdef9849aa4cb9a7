import HTTPTypes
import Platform

/// A request target, decoded and checked (RFC 9112, 3.2).
struct RequestTarget: Equatable {
    /// Decoded; begins with a slash and has no dot segments. `*` for `OPTIONS *`, empty for CONNECT.
    let path: String
    let query: QueryItems
    /// Host and port of the absolute form.
    var authority: String?

    /// Reads any of the four forms; `method` decides which of them may come.
    init(_ bytes: ArraySlice<UInt8>, method: HTTPRequest.Method) throws(HTTPProblem) {
        if method == .connect {
            guard HostField.isValid(bytes), bytes.contains(ASCII.colon) else {
                throw .invalidTarget("CONNECT takes a host and a port as its target.")
            }
            path = ""
            query = QueryItems()
        } else if bytes.first == ASCII.slash {
            (path, query) = try Self.origin(bytes)
        } else if bytes.elementsEqual([UInt8(ascii: "*")]) {
            guard method == .options else { throw .invalidTarget("Only OPTIONS takes * as its target.") }
            path = "*"
            query = QueryItems()
        } else {
            let (named, rest) = try Self.splitAuthority(bytes)
            (path, query) = try Self.origin(rest)
            authority = String(decoding: named, as: UTF8.self)
        }
    }

    /// The `host:port` of an absolute form, which takes the place of the Host field, and the rest behind it.
    private static func splitAuthority(
        _ bytes: ArraySlice<UInt8>
    ) throws(HTTPProblem) -> (authority: ArraySlice<UInt8>, rest: ArraySlice<UInt8>) {
        let authority: ArraySlice<UInt8>
        if ASCII.equal(bytes.prefix(7), lowercase: "http://") {
            authority = bytes.dropFirst(7)
        } else if ASCII.equal(bytes.prefix(8), lowercase: "https://") {
            authority = bytes.dropFirst(8)
        } else {
            throw .invalidTarget("A target begins with a slash, or is a whole http or https URL.")
        }
        let end = authority.firstIndex { $0 == ASCII.slash || $0 == ASCII.questionMark } ?? authority.endIndex
        guard HostField.isValid(authority[..<end]) else {
            throw .invalidTarget("The host in the target is not valid.")
        }
        return (authority[..<end], authority[end...])
    }

    private static func origin(_ bytes: ArraySlice<UInt8>) throws(HTTPProblem) -> (String, QueryItems) {
        let mark = bytes.firstIndex(of: ASCII.questionMark) ?? bytes.endIndex
        let path = try decodePath(bytes[..<mark])
        guard mark < bytes.endIndex else { return (path, QueryItems()) }
        return (path, try decodeQuery(bytes[(mark + 1)...]))
    }

    private static func decodePath(_ bytes: ArraySlice<UInt8>) throws(HTTPProblem) -> String {
        if bytes.isEmpty { return "/" }
        try check(bytes, against: .path, part: .path)
        let path = try PercentDecoding.decode(bytes, as: .path)
        if path.utf8.contains(ASCII.dot) {
            for segment in path.utf8.split(separator: ASCII.slash) {
                let isDotSegment = segment.count <= 2 && segment.allSatisfy { $0 == ASCII.dot }
                if isDotSegment { throw .invalidTarget("The path has a dot segment, . or .., in it.") }
            }
        }
        return path
    }

    private static func decodeQuery(_ bytes: ArraySlice<UInt8>) throws(HTTPProblem) -> QueryItems {
        try check(bytes, against: .query, part: .query)
        var items: [QueryItems.Item] = []
        for pair in bytes.split(separator: ASCII.ampersand) {
            let sign = pair.firstIndex(of: ASCII.equals) ?? pair.endIndex
            let name = try PercentDecoding.decode(pair[..<sign], as: .query)
            let value = try PercentDecoding.decode(pair[sign...].dropFirst(), as: .query)
            items.append(QueryItems.Item(name: name, value: value, isBare: sign == pair.endIndex))
        }
        return QueryItems(items)
    }

    private static func check(
        _ bytes: ArraySlice<UInt8>, against allowed: ByteSet, part: PercentDecoding.Part
    ) throws(HTTPProblem) {
        for byte in bytes where !allowed.contains(byte) {
            let character = Character(Unicode.Scalar(byte))
            throw .invalidTarget("The character \(character) must be percent-encoded in a \(part.rawValue).")
        }
    }
}

/// The grammar of Host: a host and an optional port, nothing else (RFC 9110, 7.2; RFC 3986, 3.2.2).
enum HostField {
    static func isValid(_ bytes: ArraySlice<UInt8>) -> Bool {
        let afterHost: ArraySlice<UInt8>
        if bytes.first == ASCII.openBracket {
            guard let close = bytes.firstIndex(of: ASCII.closeBracket), close > bytes.startIndex + 1 else {
                return false
            }
            guard isIPLiteral(bytes[(bytes.startIndex + 1)..<close]) else { return false }
            afterHost = bytes[(close + 1)...]
        } else {
            let end = bytes.firstIndex(of: ASCII.colon) ?? bytes.endIndex
            guard end > bytes.startIndex, isRegisteredName(bytes[..<end]) else { return false }
            afterHost = bytes[end...]
        }
        if afterHost.isEmpty { return true }
        let port = afterHost.dropFirst()
        return afterHost.first == ASCII.colon && port.count <= 5 && port.allSatisfy(ASCII.isDigit)
    }

    /// `IPv6address` or `IPvFuture` (RFC 3986, 3.2.2); no zone, which means nothing to another host.
    private static func isIPLiteral(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard bytes.allSatisfy(ByteSet.ipLiteral.contains) else { return false }
        if let first = bytes.first, ASCII.lowercased(first) == 0x76 {
            guard let dot = bytes.firstIndex(of: ASCII.dot) else { return false }
            let version = bytes[(bytes.startIndex + 1)..<dot]
            return !version.isEmpty && version.allSatisfy { ASCII.hexValue($0) != nil } && dot + 1 < bytes.endIndex
        }
        return bytes.contains(ASCII.colon) && IPAddress(String(decoding: bytes, as: UTF8.self)) != nil
    }

    private static func isRegisteredName(_ bytes: ArraySlice<UInt8>) -> Bool {
        for (index, byte) in zip(bytes.indices, bytes) {
            guard ByteSet.registeredName.contains(byte) else { return false }
            if byte == ASCII.percent {
                let digits = bytes[(index + 1)...].prefix(2)
                guard digits.count == 2, digits.allSatisfy({ ASCII.hexValue($0) != nil }) else { return false }
            }
        }
        return true
    }
}

/// Percent-decoding of the parts of a target (RFC 3986, 2.1), done exactly once.
private enum PercentDecoding {
    /// What of a target is decoded; the parts differ in what they may come to hold.
    enum Part: String {
        case path
        case query
    }

    /// Decodes into valid UTF-8 without control characters.
    ///
    /// A decoded slash in a path is refused, since it would make one segment into two; `+` is a space in a query.
    static func decode(_ bytes: ArraySlice<UInt8>, as part: Part) throws(HTTPProblem) -> String {
        let isPlain = !bytes.contains { $0 == ASCII.percent || (part == .query && $0 == ASCII.plus) }
        if isPlain { return String(decoding: bytes, as: UTF8.self) }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            if byte == ASCII.percent {
                decoded.append(try escape(bytes, at: index, in: part))
                index += 3
            } else {
                decoded.append(part == .query && byte == ASCII.plus ? ASCII.space : byte)
                index += 1
            }
        }
        guard let string = String(validating: decoded, as: UTF8.self) else {
            throw .invalidTarget("The \(part.rawValue) is not UTF-8 once its percent signs are decoded.")
        }
        return string
    }

    private static func escape(
        _ bytes: ArraySlice<UInt8>, at index: Int, in part: Part
    ) throws(HTTPProblem) -> UInt8 {
        guard index + 2 < bytes.endIndex,
            let high = ASCII.hexValue(bytes[index + 1]), let low = ASCII.hexValue(bytes[index + 2])
        else {
            throw .invalidTarget("A percent sign in the \(part.rawValue) is not followed by two hexadecimal digits.")
        }
        let byte = high << 4 | low
        switch (part, byte) {
        case (.path, ASCII.slash):
            throw .invalidTarget("An encoded slash in the path is not taken.")
        case (.path, 0..<0x20), (_, 0), (_, 0x7F):
            throw .invalidTarget("An encoded control character in the \(part.rawValue) is not taken.")
        default:
            return byte
        }
    }
}

/// The decoded name and value pairs of a target's query, in order.
public struct QueryItems: Sendable, Equatable {
    /// One pair; a name without `=` has an empty value.
    public struct Item: Sendable, Equatable {
        /// The decoded name.
        public let name: String
        /// The decoded value.
        public let value: String
        /// Whether the name stands alone, without `=`.
        public let isBare: Bool

        /// A pair of what is already decoded.
        public init(name: String, value: String, isBare: Bool = false) {
            self.name = name
            self.value = value
            self.isBare = isBare
        }
    }

    private let items: [Item]

    /// Items that are already decoded.
    public init(_ items: [Item] = []) {
        self.items = items
    }

    /// The first value of this name.
    public subscript(name: String) -> String? {
        items.first { $0.name.hasBytes(of: name) }?.value
    }

    /// Every value of this name, in order.
    public func values(for name: String) -> [String] {
        items.filter { $0.name.hasBytes(of: name) }.map(\.value)
    }
}

extension QueryItems: RandomAccessCollection {
    /// The position of the first pair.
    public var startIndex: Int { 0 }
    /// The position after the last pair.
    public var endIndex: Int { items.count }

    /// The pair at a position.
    public subscript(position: Int) -> Item { items[position] }
}
