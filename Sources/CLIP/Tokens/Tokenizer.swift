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
