import Formats
import Platform
import TestSupport
import Testing

@testable import CLIP

@Suite("The tokenizer")
struct TokenizerTests {
    static let vocabulary: String? = Paths.shared.map { $0 + "/data/bpe_simple_vocab_16e6.txt.gz" }

    private static func tokenizer() throws -> Tokenizer {
        let file = try MappedFile(path: #require(vocabulary))
        return try Tokenizer(vocabulary: String(decoding: Gzip.inflate(file, limit: 64 << 20), as: UTF8.self))
    }

    @Test(
        "words, contractions, digits, accents and symbols become CLIP's own tokens",
        .enabled(if: vocabulary != nil, "needs ../shared"))
    func tokens() throws {
        let tokenizer = try Self.tokenizer()
        // Computed with CLIP's published pattern and merge order on the same vocabulary.
        let cases: [(String, [Int])] = [
            ("normal", [5967]), ("roadAccidents", [4370, 22072]), ("car accident", [1615, 6608]),
            ("shoplifting", [5738, 10857]), ("  Riot ", [14218]),
            (
                "it's 3 o'clock!! déjà vu 100% naïve",
                [585, 568, 274, 334, 262, 6716, 748, 25466, 73, 21259, 13230, 272, 271, 271, 260, 1097, 35689, 563]
            ),
            ("日本語 emoji 🎉", [39121, 44353, 34002, 508, 16327, 3986]),
            ("a person   walking—slowly...", [320, 2533, 3941, 2005, 9568, 678]),
            (String(repeating: "x", count: 90), [Int](repeating: 32035, count: 21) + [5675, 22819]),
            ("", []), (" \t\n ", []),
        ]
        for (text, expected) in cases { #expect(tokenizer.tokens(of: text) == expected, "\(text)") }
    }

    @Test("HTML's entities are undone twice", .enabled(if: vocabulary != nil, "needs ../shared"))
    func entities() throws {
        let tokenizer = try Self.tokenizer()
        #expect(tokenizer.tokens(of: "fire &amp;amp; smoke") == tokenizer.tokens(of: "fire & smoke"))
    }

    @Test("a vocabulary that ends early, and one that is no vocabulary, are refused")
    func badVocabulary() {
        #expect(throws: TokenizerError.tooFewMerges(found: 2, expected: Tokenizer.merges)) {
            try Tokenizer(vocabulary: "#version\ni n\nt h")
        }
        let wrong = "#version\n" + String(repeating: "one two three\n", count: Tokenizer.merges + 1)
        #expect(throws: TokenizerError.badMerge(line: 2, text: "one two three")) { try Tokenizer(vocabulary: wrong) }
    }

    @Test("text is cut into contractions, words, single digits and runs of symbols")
    func words() {
        #expect(
            TextSplitter.words(of: "They'RE 24 cars' -- isn’t it?")
                == ["they", "'re", "2", "4", "cars", "'", "--", "isn", "'t", "it", "?"])
    }
}
