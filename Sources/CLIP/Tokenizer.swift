/// CLIP's byte-pair tokenizer: lower-cased text to the numbers of its word pieces.
///
/// Text is cleaned as CLIP does (entities of HTML undone, white space folded), but of ftfy's repairs only the straightening of
/// quotation marks is done here.
public struct Tokenizer: Sendable {
    /// Merges that CLIP uses of the vocabulary file's: those that fill its 49,408 tokens.
    public static let merges = 49_152 - 256 - 2

    private let pairs: [UInt64: Int]
    private let byteTokens: [Int]

    /// Reads the text of `bpe_simple_vocab_16e6.txt`: a line of its version, then a merge a line.
    public init(vocabulary text: some StringProtocol) throws(TokenizerError) {
        var tokens: [Substring: Int] = [:]
        let symbols = ByteSymbols.characters
        var byteTokens = [Int](repeating: 0, count: 256)
        for (rank, byte) in ByteSymbols.order.enumerated() {
            byteTokens[Int(byte)] = rank
            tokens[Substring(String(symbols[Int(byte)]))] = rank
            tokens[Substring(String(symbols[Int(byte)]) + "</w>")] = rank + 256
        }
        var pairs: [UInt64: Int] = [:]
        pairs.reserveCapacity(Self.merges)
        let lines = Substring(text).split(separator: "\n", omittingEmptySubsequences: false).dropFirst()
        guard lines.count >= Self.merges else {
            throw .tooFewMerges(found: lines.count, expected: Self.merges)
        }
        for (rank, line) in lines.prefix(Self.merges).enumerated() {
            let parts = line.split(separator: " ")
            guard parts.count == 2, let left = tokens[parts[0]], let right = tokens[parts[1]] else {
                throw .badMerge(line: rank + 2, text: String(line.prefix(80)))
            }
            pairs[Self.key(left, right)] = 512 + rank
            tokens[Substring(String(parts[0]) + String(parts[1]))] = 512 + rank
        }
        self.pairs = pairs
        self.byteTokens = byteTokens
    }

    /// The word tokens of a text, without start and end.
    public func tokens(of text: String) -> [Int] {
        TextSplitter.words(of: text).flatMap { mergedTokens(of: Array($0.utf8)) }
    }

    private static func key(_ left: Int, _ right: Int) -> UInt64 { UInt64(left) << 32 | UInt64(right) }

    /// Merges the pair that stands first in the vocabulary, everywhere in the word, until no pair is in it.
    private func mergedTokens(of bytes: [UInt8]) -> [Int] {
        guard let last = bytes.last else { return [] }
        var word = bytes.dropLast().map { byteTokens[Int($0)] } + [byteTokens[Int(last)] + 256]
        while word.count > 1 {
            guard let best = zip(word, word.dropFirst()).compactMap({ pairs[Self.key($0, $1)] }).min() else { break }
            var merged: [Int] = []
            var index = 0
            while index < word.count {
                if index + 1 < word.count, pairs[Self.key(word[index], word[index + 1])] == best {
                    merged.append(best)
                    index += 2
                } else {
                    merged.append(word[index])
                    index += 1
                }
            }
            word = merged
        }
        return word
    }
}

/// A vocabulary file that is not CLIP's.
public enum TokenizerError: Error, Equatable, CustomStringConvertible {
    /// The file ends too early.
    case tooFewMerges(found: Int, expected: Int)
    /// A line that is not two known symbols.
    case badMerge(line: Int, text: String)

    /// One sentence for a person.
    public var description: String {
        switch self {
        case .tooFewMerges(let found, let expected):
            "the vocabulary has \(found) merges: expected \(expected) or more, as in bpe_simple_vocab_16e6.txt"
        case .badMerge(let line, let text):
            "line \(line) of the vocabulary, '\(text)', is not a merge of two known symbols"
        }
    }
}

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

/// The printable characters that stand for bytes in CLIP's vocabulary file, and the bytes' order among the tokens.
private enum ByteSymbols {
    /// The bytes that are printable in Latin-1 first, then the others.
    static let order: [UInt8] = {
        let printable = (0...255).filter {
            (33...126).contains($0) || (161...172).contains($0) || (174...255).contains($0)
        }
        let others = (0...255).filter { !printable.contains($0) }
        return (printable + others).map { UInt8($0) }
    }()

    /// By byte: itself where it is printable, else the next character from U+0100 on.
    static let characters: [Character] = {
        var characters = [Character](repeating: " ", count: 256)
        var spare: UInt32 = 256
        for (rank, byte) in order.enumerated() {
            let printable = rank < 188
            let scalar = printable ? Unicode.Scalar(byte) : Unicode.Scalar(spare) ?? Unicode.Scalar(byte)
            if !printable { spare += 1 }
            characters[Int(byte)] = Character(scalar)
        }
        return characters
    }()
}
