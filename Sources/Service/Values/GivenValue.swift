import Formats

/// How values are read, wherever they come from: the query, fields of a form, members of a JSON body, header fields,
/// options and settings.
///
/// - Blanks, line ends and a byte order mark around a text do not count.
/// - Nothing, or `null`, is as if it had not been given. A flag whose name stands alone, as in `?logits`, is on.
/// - Yes and no are true, yes, on and 1, false, no, off and 0, in capitals or not; JSON's `true` and `false`.
/// - Numbers are decimal, perhaps with a sign before and an exponent behind, or a fraction such as `30000/1001`; in JSON
///   numbers or texts. Whole ones may have zeros behind the point.
/// - A list is a JSON list of texts, also within a text, or what stands between commas.
/// - Words that can be chosen from may be in capitals.
public enum GivenValue: Sendable, Equatable {
    /// The name alone.
    case bare
    /// A text.
    case text(String)
    /// A member of a JSON body.
    case json(JSONValue)

    /// What there is to read; nil where it counts as not given.
    var isGiven: Bool {
        switch self {
        case .bare: true
        case .text(let text): !Self.trimmed(text).isEmpty
        case .json(.null): false
        case .json(.string(let text)): !Self.trimmed(text).isEmpty
        case .json: true
        }
    }

    /// As a text: a number's is its own characters; nil for lists and objects.
    var text: String? {
        switch self {
        case .bare: ""
        case .text(let text), .json(.string(let text)), .json(.number(let text)): Self.trimmed(text)
        case .json(.bool(let flag)): flag ? "true" : "false"
        case .json: nil
        }
    }

    /// What a message shows of it.
    var shown: String {
        switch self {
        case .json(.array): "a list"
        case .json(.object): "an object"
        default: "'\((text ?? "").prefix(40))'"
        }
    }
}

extension GivenValue {
    /// A text without the blanks, line ends and byte order marks around it.
    public static func trimmed(_ text: some StringProtocol) -> String {
        func isAround(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar {
            case " ", "\t", "\r", "\n", "\u{FEFF}": true
            default: false
            }
        }
        let scalars = text.unicodeScalars.drop(while: isAround)
        guard let last = scalars.lastIndex(where: { !isAround($0) }) else { return "" }
        return String(String.UnicodeScalarView(scalars[...last]))
    }

    /// The yes or no that a text says; nil for neither.
    public static func flag(_ text: some StringProtocol) -> Bool? {
        switch trimmed(text).asciiLowercase {
        case "true", "1", "yes", "on": true
        case "false", "0", "no", "off": false
        default: nil
        }
    }

    /// The number that a text says; nil for none, and for what is not finite.
    public static func number(_ text: some StringProtocol) -> Double? {
        let parts = trimmed(text).utf8.split(
            separator: UInt8(ascii: "/"), maxSplits: 2, omittingEmptySubsequences: false)
        let numbers = parts.compactMap { decimal($0) }
        guard numbers.count == parts.count else { return nil }
        switch numbers.count {
        case 1: return numbers[0]
        case 2:
            let quotient = numbers[0] / numbers[1]
            return quotient.isFinite ? quotient : nil
        default: return nil
        }
    }

    /// The whole number that a text says; nil for none.
    public static func whole(_ text: some StringProtocol) -> Int? {
        let text = trimmed(text)
        guard text.utf8.allSatisfy(isOfDecimal), text.utf8.first != UInt8(ascii: "+") else { return nil }
        return Int(text) ?? decimal(Substring(text).utf8).flatMap { Int(exactly: $0) }
    }

    /// Digits, a point, an exponent, and a minus before them; not what else Swift takes for a number.
    private static func decimal(_ text: Substring.UTF8View) -> Double? {
        guard let first = text.first, first != UInt8(ascii: "+"), text.allSatisfy(isOfDecimal),
            text.contains(where: ASCIIText.isDigit)
        else { return nil }
        // `30.` is a number; Swift would take `30..` without its last point too.
        let plain = text.last == UInt8(ascii: ".") ? text.dropLast() : text
        guard plain.last != UInt8(ascii: "."), let number = Double(String(decoding: plain, as: UTF8.self)),
            number.isFinite
        else { return nil }
        return number
    }

    private static func isOfDecimal(_ byte: UInt8) -> Bool {
        ASCIIText.isDigit(byte) || ".eE+-".utf8.contains(byte)
    }
}
