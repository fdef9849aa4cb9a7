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
