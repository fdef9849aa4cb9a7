/// Cuts a text into the words that byte-pair merging then works on, as CLIP's pattern does: English contractions, runs
/// of letters, single digits, and runs of anything else that is not white space.
enum TextSplitter {
    private enum Kind { case letter, number, space, other }

    /// The cleaned, lower-cased text's words.
    static func words(of text: String) -> [String] {
        let scalars = Array(clean(text).lowercased().unicodeScalars)
        var words: [String] = []
        var index = 0
        while index < scalars.count {
            let start = index
            if let length = contraction(scalars[index...]) {
                index += length
            } else {
                let first = kind(of: scalars[index])
                index += 1
                if first == .space { continue }
                if first != .number { while index < scalars.count, kind(of: scalars[index]) == first { index += 1 } }
            }
            words.append(String(String.UnicodeScalarView(scalars[start..<index])))
        }
        return words
    }

    private static func contraction(_ scalars: ArraySlice<Unicode.Scalar>) -> Int? {
        guard scalars.first == "'" else { return nil }
        let rest = String(String.UnicodeScalarView(scalars.dropFirst().prefix(2)))
        if ["re", "ve", "ll"].contains(rest) { return 3 }
        return rest.first.map { "stmd".contains($0) } == true ? 2 : nil
    }

    private static func kind(of scalar: Unicode.Scalar) -> Kind {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: .letter
        case .decimalNumber, .letterNumber, .otherNumber: .number
        default: scalar.properties.isWhitespace ? .space : .other
        }
    }

    /// HTML's entities undone twice, typographic quotation marks made straight.
    private static func clean(_ text: String) -> String {
        unescape(unescape(text)).map { character in
            switch character {
            case "\u{2018}", "\u{2019}", "\u{201B}": "'"
            case "\u{201C}", "\u{201D}", "\u{201F}": "\""
            default: String(character)
            }
        }.joined()
    }

    private static let entities: [(String, String)] = [
        ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&"),
    ]

    private static func unescape(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "&")) else { return text }
        var out = ""
        var rest = Substring(text)
        while let first = rest.first {
            if let (entity, plain) = entities.first(where: { rest.hasPrefix($0.0) }) {
                out += plain
                rest = rest.dropFirst(entity.count)
            } else {
                out.append(first)
                rest = rest.dropFirst()
            }
        }
        return out
    }
}
