import Platform

/// The few Python literals that an .npy header is made of.
enum NPYLiteral: Equatable {
    case string(String)
    case bool(Bool)
    /// Digits with an optional minus sign; they may not fit an `Int`.
    case integer(String)
    case tuple([NPYLiteral])
    /// The list of a structured dtype; its contents are not read.
    case list
}

/// Reads the dictionary of an .npy header, strictly, but with blanks wherever Python allows them.
struct NPYLiteralParser {
    private let text: [UInt8]
    private var at = 0

    init(_ text: [UInt8]) { self.text = text }

    /// The whole header: one dictionary with keys of text, blanks around it.
    mutating func dictionary() throws(ArrayDecodingError) -> [(key: String, value: NPYLiteral)] {
        var entries: [(key: String, value: NPYLiteral)] = []
        skipBlanks()
        try expect("{", "'{'")
        skipBlanks()
        while !take("}") {
            guard case .string(let key) = try value() else { throw fault("a key in quotes") }
            try expect(":", "':'")
            entries.append((key, try value()))
            // A header has three keys; a few more are let through so that the unknown one can be named.
            guard entries.count <= 16 else { throw NPYHeader.malformed("has more keys than three") }
            if !take(",") {
                try expect("}", "',' or '}'")
                break
            }
            skipBlanks()
        }
        skipBlanks()
        guard at == text.count else { throw fault("nothing") }
        return entries
    }

    /// One value with the blanks on both sides.
    private mutating func value() throws(ArrayDecodingError) -> NPYLiteral {
        skipBlanks()
        defer { skipBlanks() }
        switch peek {
        case UInt8(ascii: "'"), UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "("): return try tuple()
        case UInt8(ascii: "["): return try list()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .integer(try integer())
        default:
            if take("True") { return .bool(true) }
            if take("False") { return .bool(false) }
            throw fault("a string, a tuple, True or False")
        }
    }

    private mutating func string() throws(ArrayDecodingError) -> String {
        let quote = text[at]
        let start = at + 1
        guard let end = text[start...].firstIndex(of: quote) else { throw fault("a closing quote") }
        let content = text[start..<end]
        guard content.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) else {
            throw fault("a string of plain characters")
        }
        at = end + 1
        return String(decoding: content, as: UTF8.self)
    }

    /// Integers only, so that nothing nests: `()`, `(3,)`, `(3, 4)`, `(3, 4, )`.
    private mutating func tuple() throws(ArrayDecodingError) -> NPYLiteral {
        at += 1
        var items: [NPYLiteral] = []
        var hasComma = false
        skipBlanks()
        while !take(")") {
            guard peek == UInt8(ascii: "-") || isDigit(peek) else { throw fault("an integer") }
            items.append(.integer(try integer()))
            guard items.count <= 64 else { throw NPYHeader.malformed("has a shape of more than 64 axes") }
            skipBlanks()
            if take(",") {
                hasComma = true
                skipBlanks()
            } else {
                try expect(")", "',' or ')'")
                break
            }
        }
        // (3) is the integer 3, as Python sees it.
        if items.count == 1 && !hasComma { return items[0] }
        return .tuple(items)
    }

    /// Passes over a list to its closing bracket, so that what follows can still be checked.
    private mutating func list() throws(ArrayDecodingError) -> NPYLiteral {
        var depth = 0
        while at < text.count {
            switch text[at] {
            case UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "]"): depth -= 1
            default: break
            }
            at += 1
            if depth == 0 { return .list }
        }
        throw fault("']'")
    }

    private mutating func integer() throws(ArrayDecodingError) -> String {
        let start = at
        if text[at] == UInt8(ascii: "-") { at += 1 }
        let digits = at
        while isDigit(peek) { at += 1 }
        guard at > digits else { throw fault("a digit") }
        let number = String(decoding: text[start..<at], as: UTF8.self)
        // Python 2 wrote long integers with this letter, and numpy still reads them.
        _ = take("L")
        return number
    }

    private var peek: UInt8 { at < text.count ? text[at] : 0 }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private mutating func skipBlanks() {
        while at < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[at]) { at += 1 }
    }

    private mutating func take(_ token: String) -> Bool {
        guard text[at...].starts(with: token.utf8) else { return false }
        at += token.utf8.count
        return true
    }

    private mutating func expect(_ token: String, _ name: String) throws(ArrayDecodingError) {
        guard take(token) else { throw fault(name) }
    }

    private func fault(_ expected: String) -> ArrayDecodingError {
        let found =
            at < text.count ? quoted(String(decoding: text[at..<min(at + 12, text.count)], as: UTF8.self)) : "its end"
        return NPYHeader.malformed("has \(found) at byte \(at) where \(expected) was expected")
    }
}
