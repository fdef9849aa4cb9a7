import Formats
import Platform
import TestSupport
import Testing

@Suite("Safetensors")
struct SafetensorsTests {
    static func body(_ header: String, data: [UInt8] = []) -> [UInt8] {
        .littleEndian(UInt64(header.utf8.count)) + Array(header.utf8) + data
    }

    static func tensor(dtype: String = "F32", shape: String = "[2]", offsets: String = "[0,8]") -> String {
        "{\"w\":{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}}"
    }

    @Test("a file's metadata, names, shapes and values")
    func reads() throws {
        let file = try SafetensorsFile(file: Fixture.file("safetensors/plain.safetensors"))
        #expect(file.metadata == ["format": "pt", "note": "café"])
        #expect(file.names == ["features", "half", "ids"])
        #expect(try file.floats("features", shape: [4, 3]) == Fixture.ramp(12))
        #expect(try file.floats("half") == Fixture.ramp(3))
        #expect(try file.floats("ids") == [0, 1, 2])
        #expect(throws: SafetensorsError.shape(name: "half", expected: [4], found: [3])) {
            try file.floats("half", shape: [4])
        }
        #expect(throws: SafetensorsError.missing(name: "none")) { try file.floats("none") }
    }

    @Test("one tensor is decoded from the stream")
    func decodes() throws {
        let file = try Fixture.file("safetensors/plain.safetensors")
        #expect(
            try decode(file, with: SafetensorsDecoder())
                == DecodedArray(shape: [4, 3], elementType: .float32, values: Fixture.ramp(12)))
        #expect(try decode(file, with: SafetensorsDecoder(tensor: "half")).elementType == .float16)
        func message(_ name: String) -> String? {
            failure(of: ArrayDecodingError.self) { _ = try decode(file, with: SafetensorsDecoder(tensor: name)) }?
                .description
        }
        #expect(message("none") == "the safetensors body has no tensor 'none'; it has 'features', 'half', 'ids'")
        #expect(message("ids")?.contains("is int64; float16, bfloat16, float32 and float64 are taken") == true)
    }

    @Test(
        "files that are refused, with the reason",
        arguments: [
            ([], "ends after 0 bytes"), (.littleEndian(UInt64.max), "claims 18446744073709551615 bytes"),
            (.littleEndian(UInt64(1)), "too few"), (.littleEndian(UInt64(1000)), "in a file of 8"),
            (body("[]"), "does not begin with '{'"),
            (body("{\"a\":"), "not valid JSON"), (body("{\"\u{0}\":1}"), "not valid JSON"),
            (body("{\"w\":{}}"), "exactly dtype, shape and data_offsets"),
            (body(tensor(dtype: "F99"), data: [UInt8](repeating: 0, count: 8)), "dtype 'F99'"),
            (body(tensor(shape: "[-2]")), "non-negative"), (body(tensor(shape: "[2.0]")), "non-negative"),
            (body(tensor(shape: "[3]"), data: [UInt8](repeating: 0, count: 8)), "is [3] of float32 and has 8 bytes"),
            (body(tensor(shape: "[1099511627776,1099511627776]")), "and has 8 bytes"),
            (body(tensor(offsets: "[8,0]")), "no range"), (body(tensor(offsets: "[0]")), "no range"),
            (body(tensor(shape: "[1]", offsets: "[9223372036854775803,9223372036854775807]")), "beyond any file"),
            (body(tensor(), data: [0]), "and the file at byte"),
            (body(tensor(offsets: "[8,16]"), data: [UInt8](repeating: 0, count: 16)), "leaves a hole of 8 bytes"),
            (
                body(
                    "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
                    data: [1, 2, 3]), "overlaps"
            ),
            (body("{\"__metadata__\":{\"a\":1}}"), "is no string"),
            (body("{\"__metadata__\":{},\"__metadata__\":{}}"), "occurs twice"),
        ] as [([UInt8], String)])
    func refuses(bytes: [UInt8], part: String) throws {
        let folder = try ScratchFolder()
        let file = try folder.write(bytes)
        let error = failure(of: SafetensorsError.self) { _ = try SafetensorsFile(file: file) }
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "no error")")
        #expect(throws: ArrayDecodingError.self) { try decode(bytes, with: SafetensorsDecoder(tensor: "w")) }
    }

    @Test("what is written is read back, and the data begins on 64 bytes")
    func writes() throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/model.safetensors"
        let tensors = [
            SafetensorsWriter.Tensor(name: "a \"b\"", shape: [2, 3]) { Fixture.ramp(6) },
            SafetensorsWriter.Tensor(name: "ids", elementType: .uint8, shape: [3]) { sink in
                try [UInt8]([1, 2, 3]).withUnsafeBytes(sink)
            },
            SafetensorsWriter.Tensor(name: "none", shape: [0, 4]) { [] },
        ]
        try SafetensorsWriter(metadata: ["labels": "normal,\nfight", "é": "\\"], tensors: tensors).write(to: path)
        let file = try SafetensorsFile(file: MappedFile(path: path))
        #expect(file.metadata == ["labels": "normal,\nfight", "é": "\\"])
        #expect(try file.floats("a \"b\"", shape: [2, 3]) == Fixture.ramp(6))
        #expect(try file.floats("ids") == [1, 2, 3] && file.floats("none", shape: [0, 4]) == [])
        #expect(file["a \"b\""]?.byteRange.lowerBound.isMultiple(of: 64) == true)
    }

    @Test("two tensors whose names Unicode calls equal are two, and are written")
    func namesAreBytes() throws {
        let folder = try ScratchFolder()
        let (sign, letter) = ("\u{212B}", "A\u{30A}")
        let tensors = [
            SafetensorsWriter.Tensor(name: sign, shape: [2]) { Fixture.ramp(2) },
            SafetensorsWriter.Tensor(name: letter, shape: [3]) { Fixture.ramp(3) },
        ]
        try SafetensorsWriter(tensors: tensors).write(to: folder.path + "/m")
        let file = try SafetensorsFile(file: MappedFile(path: folder.path + "/m"))
        #expect(try file.floats(sign) == Fixture.ramp(2) && file.floats(letter) == Fixture.ramp(3))
    }

    @Test("so are two keys of the metadata, and two tensors of a type that is not read")
    func otherNamesAreBytes() throws {
        let folder = try ScratchFolder()
        let (sign, letter) = ("\u{212B}", "A\u{30A}")
        func tensor(_ range: String) -> String { "{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[\(range)]}" }
        let file = try SafetensorsFile(
            file: folder.write(
                Self.body(
                    "{\"__metadata__\":{\"\(sign)\":\"sign\",\"\(letter)\":\"letter\"},"
                        + "\"\(sign)\":\(tensor("0,1")),\"\(letter)\":\(tensor("1,2"))}", data: [1, 2])))
        #expect(file.metadata.count == 2 && file.metadata[sign] == "sign" && file.metadata[letter] == "letter")
        #expect(file.unread.count == 2)
    }

    @Test("a provider of too few or too many bytes leaves no file", arguments: [1, 3])
    func refusesProviders(count: Int) throws {
        let folder = try ScratchFolder()
        let tensor = SafetensorsWriter.Tensor(name: "a", shape: [2]) { Fixture.ramp(count) }
        let writer = try SafetensorsWriter(tensors: [tensor])
        #expect(throws: SafetensorsError.self) { try writer.write(to: folder.path + "/m") }
        #expect(folder.names.isEmpty)
        #expect(throws: SafetensorsError.self) { try SafetensorsWriter(tensors: [tensor, tensor]) }
    }
}
