import TestSupport
import Testing

@testable import Formats

/// A request with one input.
private func input(
    _ name: String = "features", type: String = "FP32", shape: String = "[2]", more: String = #""data": [1, 2]"#
) -> String {
    "{\"inputs\": [{\"name\": \"\(name)\", \"datatype\": \"\(type)\", \"shape\": \(shape), \(more)}]}"
}

@Suite("Requests of the Open Inference Protocol")
struct InferenceTests {
    private static let signature = InferenceSignature(
        inputs: [.init("features", [.float32, .float16]), .init("lengths", [.int64, .int32])],
        outputs: ["coarse", "fine"])
    private static let limits = ArrayLimits(maxElements: 1_000)

    /// A request in JSON, and the bytes of tensors behind it.
    private struct Body {
        let json: String
        var tail: [UInt8]?

        var bytes: [UInt8] { Array(json.utf8) + (tail ?? []) }
        var headerBytes: Int? { tail == nil ? nil : json.utf8.count }
    }

    private static func decoded(
        _ body: Body, _ pieces: [ArraySlice<UInt8>]? = nil, knowsLength: Bool = false
    ) throws -> InferenceRequest {
        var decoder = InferenceDecoder(
            signature, headerBytes: body.headerBytes, totalBytes: knowsLength ? body.bytes.count : nil, limits: limits)
        for piece in pieces ?? [body.bytes[...]] {
            try decoder.feed(Array(piece))
            #expect(decoder.heldBytes <= body.bytes.count * 8, "memory follows what has come")
        }
        return try decoder.finish()
    }

    private static func outcome(_ body: Body, _ pieces: [ArraySlice<UInt8>]? = nil) -> String {
        do { return "\(try decoded(body, pieces))" } catch { return "\(error)" }
    }

    private static let plain = Body(
        json: """
            {"id": "a\\u0022", "parameters": {"threshold": 0.25, "binary_data_output": true}, "inputs": [
             {"name": "features", "datatype": "FP32", "d\\u0061ta": [[1, -2.5e0], [3, 4]], "shape": [2, 2]}],
             "outputs": [{"name": "fine", "parameters": {"binary_data": false}}, {"name": "coarse"}]}
            """)

    private static let binary = Body(
        json: """
            {"inputs": [{"name": "features", "datatype": "FP16", "shape": [2, 1, 2], "parameters": {"binary_data_size": 8}},
             {"name": "lengths", "datatype": "INT64", "shape": [2], "parameters": {"binary_data_size": 16}}]}
            """,
        tail: [0x00, 0x3C, 0x00, 0xC0, 0x00, 0x38, 0x01, 0x00] + [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0])

    private static let mixed = Body(
        json: """
            {"inputs": [{"name": "lengths", "datatype": "INT32", "shape": [1, 1], "data": [1]},
             {"name": "features", "datatype": "FP32", "shape": [1, 1, 1], "parameters": {"binary_data_size": 4}}]}
            """, tail: [0, 0, 0x80, 0x3F])

    @Test("JSON: names, numbers, flat or nested, and what is wanted, in any order of members")
    func plain() throws {
        let request = try Self.decoded(Self.plain)
        #expect(request.id == "a\"" && request.wantsBinary && request.parameters.map(\.name) == ["threshold"])
        let array = DecodedArray(shape: [2, 2], elementType: .float32, values: [1, -2.5, 3, 4])
        #expect(request.inputs == [InferenceTensor(name: "features", array: array)])
        #expect(request[input: "features"] == array && request[input: "lengths"] == nil)
        #expect(
            request.outputs
                == [InferenceOutput(name: "fine", isBinary: false), InferenceOutput(name: "coarse", isBinary: nil)])
    }

    @Test("bytes behind the JSON, of tensor after tensor, halves too; and some in the JSON and some behind it")
    func binary() throws {
        let request = try Self.decoded(Self.binary, knowsLength: true)
        #expect(request[input: "features"]?.values == [1, -2, 0.5, 0x1p-24])
        #expect(request[input: "features"]?.shape == [2, 1, 2] && request[input: "lengths"]?.values == [1, 2])
        let mixed = try Self.decoded(Self.mixed, knowsLength: true)
        #expect(mixed.inputs.map(\.name) == ["lengths", "features"])
        #expect(mixed[input: "lengths"]?.values == [1] && mixed[input: "features"]?.values == [1])
    }

    @Test("numbers of FP16 in JSON are those that FP16 has")
    func halves() throws {
        let text = #"{"inputs": [{"name": "features", "datatype": "FP16", "shape": [2], "data": [0.1, 70000]}]}"#
        let request = try Self.decoded(Body(json: text))
        #expect(request[input: "features"]?.values == [0.099975586, .infinity])
    }

    @Test("how the bytes are cut makes no difference", arguments: 0..<3)
    func pieces(index: Int) {
        let body = [Self.plain, Self.binary, Self.mixed][index]
        let (bytes, whole) = (body.bytes, Self.outcome(body))
        for cut in 0...bytes.count {
            #expect(Self.outcome(body, [bytes[..<cut], bytes[cut...]]) == whole, "cut at \(cut)")
        }
        #expect(Self.outcome(body, bytes.indices.map { bytes[$0...$0] }) == whole)
    }

    @Test("damaged requests in pieces fail or succeed as the whole does", arguments: 0..<3)
    func damaged(index: Int) {
        let body = [Self.plain, Self.binary, Self.mixed][index]
        var random = SeededRandom(seed: UInt64(index + 1))
        for round in 0..<1_500 {
            let damaged = mutate(body.bytes, using: &random)
            // The head of the request says how long its JSON is, whatever the JSON says.
            let length = body.headerBytes.map { min($0, damaged.count) }
            let own = Body(
                json: String(decoding: damaged[..<(length ?? damaged.count)], as: UTF8.self),
                tail: length.map { Array(damaged[$0...]) })
            guard own.headerBytes == length else { continue }
            var pieces: [ArraySlice<UInt8>] = []
            var rest = own.bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...9, using: &random))
                pieces.append(piece)
                rest = rest.dropFirst(piece.count)
            }
            #expect(Self.outcome(own, pieces) == Self.outcome(own), "round \(round)")
        }
    }

    @Test(
        "what is no request, or lies, is refused with what was expected",
        arguments: [
            ("", "not valid JSON"), ("[]", "no JSON object"), ("{}", "no inputs"), (#"{"inputs": []}"#, "no inputs"),
            (#"{"inputs": {}}"#, "'inputs' is no list"), (#"{"inputs": [[1]]}"#, "the name of an input is no text"),
            (#"{"input": []}"#, "a member 'input'"), (#"{"inputs": [], "inputs": []}"#, "occurs twice"),
            (#"{"id": 1, "inputs": []}"#, "'id' is no text"),
            (input("x"), "no input 'x': expected features, lengths"),
            (input(type: "BYTES"), "of the datatype 'BYTES': expected FP32 or FP16"),
            (input(type: "INT32"), "expected FP32 or FP16"), (input("lengths"), "expected INT64 or INT32"),
            (input(shape: "2"), "the shape of the input 'features' is no list"),
            (input(shape: "[-1]"), "whole numbers"), (input(shape: "[2.0]"), "whole numbers"),
            (input(shape: "[3]"), "has 2 numbers, and its shape [3] says 3"),
            (input(shape: "[0]"), "has 2 numbers, and its shape [0] says 0"),
            (input(shape: "[4294967296, 4294967296]"), "more elements than can be counted"),
            (input(shape: "[4611686018427387904]"), "more elements than can be counted"),
            (input(shape: "[1,1,1,1,1,1,1,1,2]"), "9 axes"),
            (input(shape: "[2, 1]", more: #""data": [[1, 2]]"#), "nested as [1, 2], and its shape is [2, 1]"),
            (input(more: #""data": [[1], 2]"#), "inputs[0].data[1] is a number"),
            (input(more: #""data": [[1, 2], [3]]"#), "has 1 elements, and the first such list has 2"),
            (input(more: #""data": [1, NaN]"#), "inputs[0].data[1] is NaN or Infinity"),
            (input(more: #""data": [1, "2"]"#), "inputs[0].data[1] is a string"),
            (input(more: #""data": [1, 1e39]"#), "beyond the range of float32"),
            (input(more: #""data": [1 2]"#), "',' or ']' was expected"),
            (input(more: #""data": [1,]"#), "a number or a list was expected"),
            (input(more: #""data": [01, 2]"#), "no number in JSON"), (input(more: #""data": 1"#), "no 'data'"),
            (input(more: #""data": [1, 2"#), "not valid JSON"),
            (input(more: #""data": [1, 2], "data": []"#), "occurs twice"),
            (input("lengths", type: "INT64", more: #""data": [1, 2.5]"#), "something else in it than whole numbers"),
            (input(more: #""parameters": {"binary_data_size": 8}"#), "Inference-Header-Content-Length"),
            (input(more: #""parameters": {"shared_memory_region": "a"}"#), "shared memory"),
            (#"{"outputs": [{"name": "x"}], "inputs": []}"#, "no output 'x': expected coarse, fine"),
            (#"{"outputs": [{"name": "fine"}, {"name": "fine"}], "inputs": []}"#, "asked for twice"),
            (#"{"outputs": [{"name": "fine", "parameters": {"classification": 1}}], "inputs": []}"#, "classification"),
            (#"{"parameters": {"binary_data_output": 1}, "inputs": []}"#, "neither true nor false"),
            (
                input(
                    shape: "[1001]", more: #""data": [\#(Array(repeating: "1", count: 1_001).joined(separator: ","))]"#),
                "more than the limit of 1000 numbers"
            ),
            (String(repeating: "[", count: 100), "nests more than 64 levels"),
            ("{\"id\": \"\(String(repeating: "x", count: 200_000))\"}", "bytes of JSON"),
        ] as [(String, String)])
    func refused(json: String, said: String) {
        #expect(Self.outcome(Body(json: json)).contains(said), "\(Self.outcome(Body(json: json)).prefix(300))")
    }

    @Test(
        "sizes that lie are refused before the bytes come, and bytes that are missing or too many once that is known",
        arguments: [
            ("[2]", 7, 8, "has 7 bytes, and its shape [2] of FP32 says 8"), ("[2]", 8, 7, "ends after"),
            ("[2]", 8, 9, "bytes follow the request"), ("[1001]", 4_004, 0, "more than the limit of 1000 numbers"),
            ("[2]", -1, 0, "no number of bytes"), ("[0]", 0, 4, "bytes follow the request"),
        ] as [(String, Int, Int, String)])
    func lies(shape: String, size: Int, sent: Int, said: String) {
        let more = "\"parameters\": {\"binary_data_size\": \(size)}"
        let body = Body(
            json: input(shape: shape, more: more), tail: [UInt8](repeating: 0, count: sent))
        #expect(Self.outcome(body).contains(said), "\(Self.outcome(body))")
        // Where the length of all is known, nothing is waited for.
        var decoder = InferenceDecoder(
            Self.signature, headerBytes: body.headerBytes, totalBytes: body.bytes.count, limits: Self.limits)
        #expect(throws: ArrayDecodingError.self) { try decoder.feed(Array(body.json.utf8)) }
        #expect(throws: ArrayDecodingError.self) { try decoder.feed([1]) }
    }

    @Test("a header that is longer than what comes is no request")
    func shortHeader() {
        let body = Body(json: #"{"inputs": []}"#, tail: [])
        var decoder = InferenceDecoder(Self.signature, headerBytes: 100, limits: Self.limits)
        #expect(throws: Never.self) { try decoder.feed(body.bytes) }
        #expect(throws: ArrayDecodingError.self) { try decoder.finish() }
    }

    @Test("nothing is reserved for what is announced alone")
    func reservesNothing() throws {
        let json = input(shape: "[1000000, 512]", more: #""parameters": {"binary_data_size": 2048000000}"#)
        var decoder = InferenceDecoder(
            Self.signature, headerBytes: json.utf8.count, limits: ArrayLimits(maxElements: 1 << 30))
        try decoder.feed(Array(json.utf8) + [1, 2, 3, 4, 5])
        #expect(decoder.heldBytes == 4)
    }

    @Test("what is held is counted once, whatever it comes as, and is given away in the end")
    func held() throws {
        for type in ["FP32", "FP16"] {
            let json = input(type: type, shape: "[4]", more: #""data": [1, 2, 3, 4]"#)
            var decoder = InferenceDecoder(Self.signature, headerBytes: json.utf8.count, limits: Self.limits)
            try decoder.feed(Array(json.utf8))
            #expect(decoder.heldBytes == 16)
            #expect(try decoder.finish()[input: "features"]?.values == [1, 2, 3, 4])
            #expect(decoder.heldBytes == 0)
        }
        // What stands in the JSON behind a tensor of bytes waits for its turn.
        let json = """
            {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 1, 1], "parameters": {"binary_data_size": 4}},
             {"name": "lengths", "datatype": "INT32", "shape": [1], "data": [1]}]}
            """
        var decoder = InferenceDecoder(Self.signature, headerBytes: json.utf8.count, limits: Self.limits)
        try decoder.feed(Array(json.utf8))
        #expect(decoder.heldBytes == 4)
        try decoder.feed([0, 0, 0x80, 0x3F])
        #expect(decoder.heldBytes == 8)
        #expect(try decoder.finish().inputs.map(\.array.values) == [[1], [1]])
    }
}
