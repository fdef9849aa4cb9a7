import Foundation
import JSON
import Platform
import TestSupport
import Testing

@testable import Formats

@Suite("Features in JSON")
struct FeatureJSONTests {
    private func read(_ text: String, limits: ArrayLimits = ArrayLimits()) throws -> DecodedArray {
        try decode(Array(text.utf8), with: FeatureJSONDecoder(limits: limits))
    }

    @Test(
        "lists of any depth give as many axes",
        arguments: [
            ("[[1, 2], [3, 4], [5, 6]]", [3, 2], [1, 2, 3, 4, 5, 6]), ("[1.5e0, -0.25]", [2], [1.5, -0.25]),
            ("[[[1], [2]], [[3], [4]]]", [2, 2, 1], [1, 2, 3, 4]), ("[]", [0], []), ("[[], []]", [2, 0], []),
            ("[[[[[[[[7]]]]]]]]", [1, 1, 1, 1, 1, 1, 1, 1], [7]),
        ] as [(String, [Int], [Float])])
    func nests(list: String, shape: [Int], values: [Float]) throws {
        let array = try read("{\"features\":\(list)}")
        #expect(array == DecodedArray(shape: shape, elementType: .float32, values: values))
    }

    @Test("other members are passed over, escaped names are understood")
    func passesOver() throws {
        #expect(
            try read(#" { "a":{"features":[1,"\ud83d\ude00"]}, "feat\u0075res" : [ 2 ] , "b":[true,false,null,{}] } "#)
                .values == [2])
        let fixture = try decode(Fixture.file("json/features.json"), with: FeatureJSONDecoder())
        #expect(fixture == DecodedArray(shape: [5, 3], elementType: .float32, values: Fixture.ramp(15)))
    }

    /// What stands beside the features, fed in pieces of `size` bytes.
    private func members(_ text: String, pieces size: Int) throws -> [JSONValue.Member] {
        var decoder = FeatureJSONDecoder(keepsMembers: true)
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            try Array(bytes[start..<min(start + size, bytes.count)]).withRawBytes { piece throws(ArrayDecodingError) in
                try decoder.feed(piece)
            }
        }
        let members = decoder.members
        _ = try decoder.finish()
        return members
    }

    @Test("other members are kept for whoever asks, before and after the features, however the text is cut")
    func keepsMembers() throws {
        let text =
            #" { "fps" : 30e0 ,"a":{"features":[1,"\ud83d\ude00"],"b":[]}, "features": [[1,2]], "\u006eo" : null,"#
            + #" "n":-1 ,"s":"x\"}", "t":true ,"fps":"25","l":[ ] } "#
        let expected: [JSONValue.Member] = [
            .init(name: "fps", value: .number("30e0")),
            .init(
                name: "a",
                value: .object([
                    .init(name: "features", value: .array([.number("1"), .string("\u{1F600}")])),
                    .init(name: "b", value: .array([])),
                ])),
            .init(name: "no", value: .null), .init(name: "n", value: .number("-1")),
            .init(name: "s", value: .string("x\"}")), .init(name: "t", value: .bool(true)),
            .init(name: "fps", value: .string("25")), .init(name: "l", value: .array([])),
        ]
        for size in 1...text.utf8.count { #expect(try members(text, pieces: size) == expected) }
        #expect(try members(#"{"features":[1]}"#, pieces: 3) == [])
        let long = String(repeating: "n", count: 200)
        let cut = try members("{\"\(long)\": 1, \"features\": [1]}", pieces: 7)
        #expect(cut.count == 1 && cut[0].name.hasPrefix("nnnn") && cut[0].name.utf8.count < 100)
    }

    @Test("more of them than there is room for is refused by name, and nothing of it is held where nobody asks")
    func boundsMembers() throws {
        for value in ["[\(String(repeating: "1,", count: 50_000))1]", "\"\(String(repeating: "x", count: 70_000))\""] {
            let text = "{\"rows\": \(value), \"features\": [1]}"
            let error = failure(of: ArrayDecodingError.self) { _ = try members(text, pieces: 1_000) }
            #expect(
                error?.kind == .unfit && error?.description.contains("'rows'") == true, "\(String(describing: error))")
            #expect(try read(text).values == [1])
        }
        let many = (0..<200).map { "\"m\($0)\": \($0), " }.joined()
        let error = failure(of: ArrayDecodingError.self) {
            _ = try members("{\(many)\"features\": [1]}", pieces: 100)
        }
        #expect(error?.kind == .unfit)
        let twice = failure(of: ArrayDecodingError.self) {
            _ = try members(#"{"a": {"b": 1, "b": 2}, "features": [1]}"#, pieces: 100)
        }
        #expect(twice?.kind == .malformed)
    }

    @Test("a byte order mark before the object is passed over, and nowhere else")
    func byteOrderMark() throws {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let text = Array(#"{"features":[1]}"#.utf8)
        #expect(try decode(mark + text, with: FeatureJSONDecoder()).values == [1])
        for wrong in [mark + mark + text, mark[..<2] + text, text + mark, Array(" ".utf8) + mark + text, mark] {
            #expect(throws: ArrayDecodingError.self) { try decode(Array(wrong), with: FeatureJSONDecoder()) }
        }
    }

    @Test("what Python writes of float32 reads back to the same bits")
    func readsBack() throws {
        let array = try decode(Fixture.file("json/repr.json"), with: FeatureJSONDecoder())
        let expected = try decode(Fixture.file("json/repr.npy"), with: NPYDecoder())
        #expect(array.values.map(\.bitPattern) == expected.values.map(\.bitPattern))
    }

    @Test(
        "bodies that are refused, with the reason",
        arguments: [
            (#"{"features": [[1, 2], [3]]}"#, "row 1 (counted from 0) has 1 numbers, and row 0 has 2"),
            (#"{"features": [[1, 2], [3, 4, 5]]}"#, "row 1 (counted from 0) has 3 numbers"),
            (#"{"features": [[[1], [2]], [[3]]]}"#, "features[1] has 1 elements, and the first such list has 2"),
            (#"{"features": [[1], 2]}"#, "row 1 (counted from 0) is a number where"),
            (#"{"features": [[1], [[2]]]}"#, "row 1, column 0 (counted from 0) is a list where"),
            (#"{"features": [[1, "2"]]}"#, "row 0, column 1 (counted from 0) is a string; a number was expected"),
            (#"{"features": [[null]]}"#, "is null; a number was expected"),
            (#"{"features": 3}"#, "a list of rows was expected"),
            (#"{"features": {"a": 1}}"#, "'features' is an object"),
            (#"{"features": [[1e39]]}"#, "row 0, column 0 (counted from 0) is beyond"),
            (#"{"features": [[1, NaN]]}"#, "row 0, column 1 (counted from 0) is NaN or Infinity"),
            (#"{"features": [[-Infinity]]}"#, "is NaN or Infinity"),
            (#"{"features": [[1.]]}"#, "'1.', which is no number in JSON"),
            (#"{"features": [[01]]}"#, "'01', which is no number"), (#"{"features": [[+1]]}"#, "'+' where a value"),
            (#"{"features": [[1,]]}"#, "']' where a value"), (#"{"features": [[1] [2]]}"#, "'[' where ',' or ']'"),
            (#"{"features": [1], "features": [1]}"#, "'features' twice"), (#"{"rows": [1]}"#, "no member 'features'"),
            (#"[[1]]"#, "'[' where an object"), (#""features""#, "where an object"),
            (#"{"features": [1]} x"#, "nothing after"),
            (#"{"features": [1]"#, "ends after 16 bytes"), ("", "ends after 0 bytes"), (#"{"a": "\x"}"#, "an escape"),
            (#"{"a": "\ud800"}"#, "half a surrogate"), (#"{"a": "\udc00"}"#, "half a surrogate"),
            ("{\"a\": \"\n\"}", "control character"),
            (#"{"a": tru}"#, "the word 'true'"), (#"{"a" 1}"#, "':' after a name"),
            (#"{a: 1}"#, "a name in double quotes"),
            ("{\"a\": \(String(repeating: "[", count: 1_000_000))", "nests more than 64 levels"),
            ("{\"features\": \(String(repeating: "[", count: 9))", "deeper than 8 levels"),
            ("{\"features\": [\(String(repeating: "1", count: 5000))]}", "more than 4096 characters"),
        ])
    func refuses(body: String, part: String) {
        let error = failure(of: ArrayDecodingError.self) { _ = try read(body) }
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "no error")")
    }

    @Test(
        "strings must be UTF-8",
        arguments: [[0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0x80], [0xC3]] as [[UInt8]])
    func refusesBrokenText(text: [UInt8]) {
        let body = Array("{\"a\": \"".utf8) + text + Array("\", \"features\": [1]}".utf8)
        #expect(throws: ArrayDecodingError.self) { try decode(body, with: FeatureJSONDecoder()) }
    }

    @Test("more numbers than the limit are refused as they come")
    func limits() {
        let error = failure(of: ArrayDecodingError.self) {
            _ = try read(#"{"features": [1, 2, 3]}"#, limits: ArrayLimits(maxElements: 2))
        }
        #expect(error?.kind == .tooLarge)
    }
}
