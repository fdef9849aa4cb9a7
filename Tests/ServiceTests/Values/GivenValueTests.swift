import Formats
import Testing

@testable import Service

@Suite("How values are read, wherever they come from")
struct GivenValueTests {
    @Test(
        "yes and no",
        arguments: [("true", true), ("True", true), ("TRUE", true), ("yes", true), ("on", true), ("1", true)]
            + [("false", false), ("FALSE", false), ("No", false), ("off", false), ("0", false), (" false\r\n", false)])
    func flags(text: String, expected: Bool) {
        #expect(GivenValue.flag(text) == expected)
    }

    @Test("and neither", arguments: ["", "maybe", "2", "yess", "1.0", "tr\u{FF55}e", "\u{131}"])
    func noFlags(text: String) {
        #expect(GivenValue.flag(text) == nil)
    }

    @Test(
        "numbers",
        arguments: [
            ("30", 30), ("-1.5", -1.5), ("29.97", 29.97), ("30000/1001", 30_000 / 1_001), ("3e1", 30), ("3E-1", 0.3),
            (" 30 ", 30), ("\u{FEFF}30", 30), ("30.", 30), (".5", 0.5), ("1/4", 0.25), ("0", 0),
        ] as [(String, Double)])
    func numbers(text: String, expected: Double) {
        #expect(GivenValue.number(text) == expected)
    }

    @Test(
        "and none",
        arguments: [
            "", "x", "1..", "0x10", "nan", "inf", "-inf", "1e400", "1/0", "0/0", "1/2/3", "/", "1/", "/2", "1_0",
            "30,5", "+3",
            "1 2", "\u{663}", "-", ".", "e", "1e", "--1", "NaN", "Infinity", "\u{FF11}",
        ])
    func noNumbers(text: String) {
        #expect(GivenValue.number(text) == nil)
        #expect(GivenValue.whole(text) == nil)
    }

    @Test("whole numbers", arguments: [("3", 3), ("3.0", 3), ("1e3", 1_000), ("-2", -2), (" 7\n", 7)])
    func wholes(text: String, expected: Int) {
        #expect(GivenValue.whole(text) == expected)
    }

    @Test("and broken ones", arguments: ["1.5", "1/2", "4/2", "1e400", "99999999999999999999"])
    func noWholes(text: String) {
        #expect(GivenValue.whole(text) == nil)
    }

    @Test(
        "lists are JSON's, or stand between commas",
        arguments: [
            (.text("a, b,c"), ["a", "b", "c"]), (.text(#"["a, b", " c"]"#), ["a, b", "c"]),
            (.json(.array([.string("a"), .string("b")])), ["a", "b"]), (.json(.string("a,b")), ["a", "b"]),
            (.text("[a,b"), ["[a", "b"]), (.text("a,,b"), ["a", "", "b"]), (.json(.number("1")), ["1"]),
        ] as [(GivenValue, [String])])
    func lists(value: GivenValue, expected: [String]) throws {
        #expect(try ParameterReader(name: "x", value: value).list() == expected)
    }

    @Test("a time whose plus sign was not encoded")
    func times() throws {
        let encoded = try ParameterReader(name: "x", value: .text("2026-01-01T00:00:00+01:00")).time()
        #expect(try ParameterReader(name: "x", value: .text("2026-01-01T00:00:00 01:00")).time() == encoded)
        #expect(throws: OptionError.self) { try ParameterReader(name: "x", value: .text("2026-01-01")).time() }
    }

    @Test("the nearest name is one that is near")
    func spelling() {
        let names = ["labels", "fps", "threshold", "leave", "min_snippets", "wait", "limit"]
        for (written, nearest) in [
            ("treshold", "threshold"), ("THRESHOLD", "threshold"), ("min-snippets", "min_snippets"), ("fsp", "fps"),
            ("lables", "labels"), ("limits", "limit"), ("wiat", "wait"), ("fp", "fps"), ("", nil), ("x", nil),
            ("zzz", nil), ("features", nil), (String(repeating: "threshold", count: 50), nil),
        ] as [(String, String?)] {
            #expect(Spelling.nearest(to: written, among: names) == nearest, "\(written)")
        }
        #expect(Spelling.nearest(to: "x", among: []) == nil)
    }
}
