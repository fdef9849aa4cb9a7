import JSON
import TestSupport
import Testing

@Suite("JSON reader")
struct JSONReaderTests {
    @Test("values keep their order and their digits")
    func reads() throws {
        let value = try JSONReader.parse(
            Array(#" {"b": [1, -2.50, true, null], "a": {"x": "\u00e9\n\ud83d\ude00/"}} "#.utf8))
        #expect(value["b"] == .array([.number("1"), .number("-2.50"), .bool(true), .null]))
        #expect(value["a"]?["x"]?.string == "é\n😀/")
        #expect(value["b"]?.array?[1].double == -2.5 && value["b"]?.array?[0].integer == 1)
        #expect(value["b"]?.array?[1].integer == nil)
    }

    @Test("names that differ in bytes differ, though they are the same text to Unicode")
    func namesAreBytes() throws {
        let value = try JSONReader.parse(Array("{\"\u{E9}\":1,\"e\u{301}\":2,\"\u{212A}\":3,\"K\":4}".utf8))
        let names = ["\u{E9}", "e\u{301}", "\u{212A}", "K"]
        #expect(names.map { value[$0]?.integer } == [1, 2, 3, 4])
        #expect(JSONValue.string("\u{E9}") != .string("e\u{301}"))
    }

    @Test(
        "what is not JSON is refused",
        arguments: [
            "", " ", "{", "[1", "{\"a\":1,\"a\":2}", "[01]", "[1.]", "[.5]", "[1e]", "tru", "nul", "\"\\q\"", "\"a",
            "[1]]",
            "{\"a\":1,}", "[,]", "\u{FEFF}1", "NaN", "-", "\"\u{1}\"", "'a'",
            String(repeating: "[", count: 1_000_000), String(repeating: "{\"a\":", count: 65),
        ])
    func refuses(text: String) {
        #expect(throws: JSONError.self) { try JSONReader.parse(Array(text.utf8)) }
    }

    @Test("damaged texts are read, or refused within their bytes")
    func damaged() throws {
        let bytes = Array(#"{"a":[1,-2.5e3,"\u00e9\ud83d\ude00"],"b":{"c":null,"d":[true,false,{}]}}"#.utf8)
        var generator = SeededRandom(seed: 15)
        for _ in 0..<5000 {
            let text = mutate(bytes, using: &generator)
            do { _ = try JSONReader.parse(text) } catch { #expect((0...text.count).contains(error.position)) }
        }
    }
}
