import JSON
import Platform

/// How values are read, wherever they come from: the query, fields of a form, members of a JSON body, header fields,
/// options and settings.
///
/// - Blanks, line ends and a byte order mark around a text do not count.
/// - Nothing, or `null`, is as if it had not been given. A flag whose name stands alone, as in `?logits`, is on.
/// - Yes and no are true, yes, on and 1, false, no, off and 0, in capitals or not; JSON's `true` and `false`.
/// - Numbers are decimal, perhaps with a sign before and an exponent behind, or a fraction such as `30000/1001`; in JSON
///   numbers or texts. Whole ones may have zeros behind the point, or be a fraction of whole ones such as `6/2`. `1e-400` is not 0, and none that can be read.
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

    /// The texts of a list: a JSON list's, else those between commas; nil where there is something else in it.
    public var entries: [String]? {
        switch self {
        case .json(.array(let elements)):
            let texts = elements.compactMap(\.string)
            return texts.count == elements.count ? texts.map { Self.trimmed($0) } : nil
        case .text(let text), .json(.string(let text)):
            if let list = try? JSONReader.parse(Array(Self.trimmed(text).utf8)), list.array != nil {
                return GivenValue.json(list).entries
            }
        case .bare, .json: break
        }
        // By bytes: to Swift a comma with a mark above it is another character.
        return text?.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            .map { Self.trimmed(Substring($0)) }
    }

    /// The number that a text says; nil for none, and for what a double would make infinite, or 0 of another number.
    public static func number(_ text: some StringProtocol) -> Double? {
        guard case .number(let number) = reading(text) else { return nil }
        return number
    }

    /// Why a text that says a number can't be read as one; nil where it can, and where it says none.
    public static func rangeFault(_ text: some StringProtocol) -> String? {
        switch reading(text) {
        case .tooSmall: "is too close to 0 to be told from it"
        case .tooLarge: "is too large to be told from infinity"
        case .number, .none: nil
        }
    }

    /// The whole number that a text says; nil for none.
    public static func whole(_ text: some StringProtocol) -> Int? {
        let text = trimmed(text)
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        if parts.count == 2 {
            guard let above = whole(Substring(parts[0])), let below = whole(Substring(parts[1])), below != 0 else {
                return nil
            }
            let (quotient, isBeyond) = above.dividedReportingOverflow(by: below)
            return !isBeyond && quotient.multipliedReportingOverflow(by: below) == (above, false) ? quotient : nil
        }
        guard text.utf8.allSatisfy(isOfDecimal), text.utf8.first != UInt8(ascii: "+") else { return nil }
        if let number = Int(text) { return number }
        guard case .number = decimal(Substring(text).utf8) else { return nil }
        return wholeDecimal(Substring(text).utf8)
    }

    private enum Reading {
        case none
        case number(Double)
        case tooSmall
        case tooLarge
    }

    private static func reading(_ text: some StringProtocol) -> Reading {
        let parts = trimmed(text).utf8.split(
            separator: UInt8(ascii: "/"), maxSplits: 2, omittingEmptySubsequences: false)
        let readings = parts.map(decimal)
        guard readings.count == 2 else { return readings.count == 1 ? readings[0] : .none }
        switch (readings[0], readings[1]) {
        case (.number, .number(0)), (.none, _), (_, .none): return .none
        case (.number(let above), .number(let below)):
            let quotient = above / below
            if !quotient.isFinite { return .tooLarge }
            return quotient == 0 && above != 0 ? .tooSmall : .number(quotient)
        case (.number, let other), (let other, _): return other
        }
    }

    /// Digits, a point, an exponent, and a minus before them; not what else Swift takes for a number.
    private static func decimal(_ text: Substring.UTF8View) -> Reading {
        guard let first = text.first, first != UInt8(ascii: "+"), text.allSatisfy(isOfDecimal),
            text.contains(where: ASCII.isDigit)
        else { return .none }
        // `30.` is a number; Swift would take `30..` without its last point too.
        let plain = text.last == UInt8(ascii: ".") ? text.dropLast() : text
        guard plain.last != UInt8(ascii: "."), let number = Double(String(decoding: plain, as: UTF8.self)) else {
            return .none
        }
        if number.isInfinite { return .tooLarge }
        let isZero = !plain.prefix { !isExponentMark($0) }.contains { $0 != UInt8(ascii: "0") && ASCII.isDigit($0) }
        return number == 0 && !isZero ? .tooSmall : .number(number)
    }

    /// A decimal by its digits: a double may have rounded it to a whole number.
    private static func wholeDecimal(_ text: Substring.UTF8View) -> Int? {
        let parts = text.split(maxSplits: 1, whereSeparator: isExponentMark)
        let sides = parts[0].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        var digits = sides.joined().filter(ASCII.isDigit)[...].drop { $0 == UInt8(ascii: "0") }
        guard !digits.isEmpty else { return 0 }
        guard let exponent = parts.count > 1 ? Int(String(Substring(parts[1]))) : 0 else { return nil }
        var (zeros, isBeyond) = exponent.subtractingReportingOverflow(sides.count > 1 ? sides[1].count : 0)
        guard !isBeyond, zeros < 19 else { return nil }
        while digits.last == UInt8(ascii: "0") {
            digits.removeLast()
            zeros += 1
        }
        guard (0..<19).contains(zeros), digits.count + zeros <= 19 else { return nil }
        let number = String(decoding: digits, as: UTF8.self) + String(repeating: "0", count: zeros)
        return Int((text.first == UInt8(ascii: "-") ? "-" : "") + number)
    }

    private static func isExponentMark(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") }

    private static func isOfDecimal(_ byte: UInt8) -> Bool {
        ASCII.isDigit(byte) || ".eE+-".utf8.contains(byte)
    }
}
