import Platform

/// Walks through a field value by the grammar that most fields share: tokens, quoted strings, separators
/// (RFC 9110, 5.6).
struct FieldScanner {
    private let bytes: [UInt8]
    private var index = 0
    /// The first quote that no other one closes, once it is known. Whatever follows it is escaped or no quote, so that
    /// no later one is closed either, and a field of quotes is not read to its end for each of them.
    private var unclosed = Int.max

    init(_ text: some StringProtocol) {
        bytes = Array(text.utf8)
    }

    var isAtEnd: Bool { index == bytes.count }

    mutating func skipBlanks() {
        while index < bytes.count, ASCII.isBlank(bytes[index]) { index += 1 }
    }

    /// Takes this byte, with blanks before and after it, if it is next.
    mutating func take(_ byte: UInt8) -> Bool {
        let start = index
        skipBlanks()
        guard index < bytes.count, bytes[index] == byte else {
            index = start
            return false
        }
        index += 1
        skipBlanks()
        return true
    }

    /// Takes a token; nil if there is none.
    mutating func token() -> String? {
        let start = index
        while index < bytes.count, ByteSet.token.contains(bytes[index]) { index += 1 }
        return index > start ? String(decoding: bytes[start..<index], as: UTF8.self) : nil
    }

    /// Takes a token or a quoted string, whose backslashes are undone.
    mutating func value() -> String? {
        guard index < bytes.count, bytes[index] == ASCII.quote else { return token() }
        guard index < unclosed else { return nil }
        var content: [UInt8] = []
        var position = index + 1
        while position < bytes.count {
            switch bytes[position] {
            case ASCII.quote:
                index = position + 1
                return String(decoding: content, as: UTF8.self)
            case ASCII.backslash where position + 1 < bytes.count:
                position += 1
                content.append(bytes[position])
            default: content.append(bytes[position])
            }
            position += 1
        }
        unclosed = index
        return nil
    }

    /// Takes `;name=value` as often as it comes; names in lower case. Nil where one is malformed.
    mutating func parameters() -> [(name: String, value: String)]? {
        var parameters: [(name: String, value: String)] = []
        while take(ASCII.semicolon) {
            // A semicolon without a parameter is allowed (RFC 9110, 5.6.6).
            guard let name = token() else { continue }
            guard take(ASCII.equals), let value = value() else { return nil }
            parameters.append((ASCII.lowercased(name), value))
        }
        skipBlanks()
        return parameters
    }

    /// Goes on behind the next comma that is outside of quotes.
    mutating func skipElement() {
        while index < bytes.count, bytes[index] != ASCII.comma {
            if bytes[index] != ASCII.quote || value() == nil { index += 1 }
        }
    }
}

/// Small steps over field values.
enum FieldText {
    /// Without the blanks at both ends.
    static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes
        while let first = bytes.first, ASCII.isBlank(first) { bytes.removeFirst() }
        while let last = bytes.last, ASCII.isBlank(last) { bytes.removeLast() }
        return bytes
    }
}
