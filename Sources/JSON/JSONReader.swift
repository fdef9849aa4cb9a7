import Platform

/// Reads JSON strictly (RFC 8259): UTF-8, no names twice in an object, a limit on depth and on size.
public struct JSONReader {
    /// The most arrays and objects inside one another.
    public static let maxDepth = 64

    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    private init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Reads one value with nothing but blanks around it.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, maxBytes: Int = 100 << 20
    ) throws(JSONError) -> JSONValue {
        guard bytes.count <= maxBytes else {
            throw JSONError(position: maxBytes, reason: "the text is longer than the limit of \(maxBytes) bytes")
        }
        var reader = JSONReader(bytes)
        let value = try reader.value(depth: 0)
        guard reader.peekToken() == nil else { throw reader.fault("something follows the value") }
        return value
    }

    /// Reads one value with nothing but blanks around it.
    public static func parse(_ bytes: [UInt8], maxBytes: Int = 100 << 20) throws(JSONError) -> JSONValue {
        try bytes.withRawBytes { raw throws(JSONError) in try parse(raw, maxBytes: maxBytes) }
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard let first = peekToken() else { throw fault("the text ends where a value should be") }
        switch first {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw fault("no value begins like this")
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        try enter(depth)
        var members: [JSONValue.Member] = []
        var names: Set<ByteText> = []
        if takeToken("}") { return .object([]) }
        repeat {
            guard peekToken() == UInt8(ascii: "\"") else { throw fault("a name in double quotes was expected") }
            let start = at
            let name = try string()
            guard names.insert(ByteText(name)).inserted else {
                throw JSONError(position: start, reason: "the name \(quoted(name)) occurs twice in an object")
            }
            guard takeToken(":") else { throw fault("':' was expected after a name") }
            members.append(.init(name: name, value: try value(depth: depth)))
        } while takeToken(",")
        guard takeToken("}") else { throw fault("',' or '}' was expected") }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        try enter(depth)
        var elements: [JSONValue] = []
        if takeToken("]") { return .array([]) }
        repeat { elements.append(try value(depth: depth)) } while takeToken(",")
        guard takeToken("]") else { throw fault("',' or ']' was expected") }
        return .array(elements)
    }

    private mutating func enter(_ depth: Int) throws(JSONError) {
        guard depth <= JSONReader.maxDepth else { throw fault("more than \(JSONReader.maxDepth) levels are nested") }
        at += 1
    }

    private mutating func string() throws(JSONError) -> String {
        at += 1
        let start = at
        var scanner = JSONStringScanner()
        while at < bytes.count {
            switch scanner.take(bytes[at]) {
            case .inside: at += 1
            case .ended:
                let body = bytes.part(start..<at)
                at += 1
                return JSONStringScanner.decode(body)
            case .fault(let reason): throw fault(reason)
            }
        }
        throw fault("the text ends inside a string")
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = at
        while at < bytes.count, DecimalNumber.isNumberByte(bytes[at]) { at += 1 }
        let text = bytes.part(start..<at)
        guard DecimalNumber(text) != nil else {
            throw JSONError(position: start, reason: "a number is not written as JSON has it")
        }
        return .number(String(decoding: text, as: UTF8.self))
    }

    private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        guard bytes.part(at..<bytes.count).starts(with: word) else { throw fault("no value begins like this") }
        at += word.utf8CodeUnitCount
        return value
    }

    /// The next byte that is no blank, left where it is.
    private mutating func peekToken() -> UInt8? {
        while at < bytes.count, isJSONBlank(bytes[at]) { at += 1 }
        return at < bytes.count ? bytes[at] : nil
    }

    private mutating func takeToken(_ token: Unicode.Scalar) -> Bool {
        guard peekToken() == UInt8(ascii: token) else { return false }
        at += 1
        return true
    }

    private func fault(_ reason: String) -> JSONError { JSONError(position: at, reason: reason) }
}

/// Whether RFC 8259 counts the byte as white space.
@inlinable @inline(__always)
package func isJSONBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }
