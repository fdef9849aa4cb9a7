import Testing

@testable import Scoring

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
            "1e-400", "-1e-400", "1e999", "1e-200/1e200", "1e200/1e-200", "1/1e999", "1e-400/1e-400",
            "0.\(String(repeating: "0", count: 400))1", "1 2", "\u{663}", "-", ".", "e", "1e", "--1", "NaN", "Infinity",
            "\u{FF11}",
        ])
    func noNumbers(text: String) {
        #expect(GivenValue.number(text) == nil)
        #expect(GivenValue.whole(text) == nil)
    }

    @Test("zero is a number however it is written", arguments: ["0e-400", "0e999", "0.000", "-0", "0/7", "0e-999/3"])
    func zeros(text: String) {
        #expect(GivenValue.number(text) == 0)
    }

    @Test(
        "small ones are kept",
        arguments: [("1e-320", 0x7E8p-1074), ("5e-324", .leastNonzeroMagnitude), ("1.7e308", 1.7e308)])
    func extremes(text: String, expected: Double) {
        #expect(GivenValue.number(text) == expected)
    }

    @Test("a parameter that is beyond a double's range is refused as that", arguments: ["1e-400", "-1e-400", "1e999"])
    func beyond(text: String) throws {
        let expected = text.contains("-4") ? "is too close to 0" : "is too large"
        let values: [GivenValue] = [.text(text), .json(.number(text)), .json(.string(text))]
        for value in values {
            for name in ["fps", "threshold", "leave", "min_snippets", "merge_gap"] {
                let error = #expect(throws: OptionError.self) { _ = try ScoreOptions([Parameter(name, value)]) }
                #expect(error?.name == name && error?.problem.hasPrefix("'\(text)' \(expected)") == true)
            }
        }
    }

    @Test("nor is one that only a float would make 0", arguments: ["threshold", "leave"])
    func beyondFloat(name: String) throws {
        let error = #expect(throws: OptionError.self) { _ = try ScoreOptions([Parameter(name, .text("1e-50"))]) }
        #expect(error?.description.hasPrefix("\(name): '1e-50' is too close to 0") == true)
        #expect(try ScoreOptions([Parameter("leave", .text("1e-40"))]).segments.leave > 0)
    }

    @Test(
        "whole numbers",
        arguments: [
            ("3", 3), ("3.0", 3), ("1e3", 1_000), ("-2", -2), (" 7\n", 7), ("3.", 3), ("30e-1", 3), ("1.5e1", 15),
            ("0e-400", 0), ("0e999", 0), ("-0.0", 0), ("9007199254740993.0", 9_007_199_254_740_993),
            ("9223372036854775807.0", .max), ("-9223372036854775808", .min), ("0.00000000000000000000012e23", 12),
            ("00012", 12), ("4/2", 2), ("6/2", 3), ("-6/3", -2), ("0/7", 0), ("6.0/2e0", 3), ("3/1", 3),
        ] as [(String, Int)])
    func wholes(text: String, expected: Int) {
        #expect(GivenValue.whole(text) == expected)
    }

    @Test(
        "and broken ones",
        arguments: [
            "1.5", "1/2", "7/2", "1.5/0.5", "6/0", "6/2/1", "-9223372036854775808/-1", "1e400", "99999999999999999999",
            "1e-400", "9223372036854775808.0", "1e19",
            "1.00000000000000000001", "9007199254740992.5", "1e99999999999999999999", "1e-99999999999999999999",
        ])
    func noWholes(text: String) {
        #expect(GivenValue.whole(text) == nil)
    }

    @Test("a whole number is taken as a fraction too, and what is said of one that can't be is true")
    func wholeParameters() throws {
        #expect(try ScoreOptions([Parameter("min_snippets", .text("6/2"))]).segments.minimumSnippets == 3)
        for (text, fault) in [
            ("1/2", "is no whole number"), ("0/2", "is out of range"), ("1e19", "is out of range"),
            ("1.5/0.5", "is not written as a whole number"),
            ("1.00000000000000000001", "is not written as a whole number"),
        ] {
            let error = #expect(throws: OptionError.self) {
                _ = try ScoreOptions([Parameter("min_snippets", .text(text))])
            }
            #expect(error?.problem.hasPrefix("'\(text)' \(fault): expected a whole number from 1 to ") == true)
        }
    }

    @Test("a list with nothing in it is no value", arguments: ["model", "labels", "fps", "name", "logits"])
    func emptyLists(name: String) {
        // To `name` a text is what it says.
        for value in [GivenValue.json(.array([]))] + (name == "name" ? [] : [.text("[]")]) {
            let error = #expect(throws: OptionError.self) { _ = try ScoreOptions([Parameter(name, value)]) }
            #expect(error?.name == name)
        }
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
}
