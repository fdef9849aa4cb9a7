import Formats
import TestSupport
import Testing

@Suite(".npy")
struct NPYTests {
    /// An .npy body with this header, whatever it says.
    static func body(_ header: String, version: UInt8 = 1, data: [UInt8] = []) -> [UInt8] {
        let length = header.utf8.count
        let field = version == 1 ? [UInt8].littleEndian(UInt16(length)) : .littleEndian(UInt32(length))
        return [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, version, 0] + field + Array(header.utf8) + data
    }

    static func header(descr: String = "'<f4'", order: String = "False", shape: String = "(1,)") -> String {
        "{'descr': \(descr), 'fortran_order': \(order), 'shape': \(shape), }\n"
    }

    @Test(
        "numpy's files of every float type, byte order and version",
        arguments: [
            ("f2-le", [5, 3], ElementType.float16), ("f2-be", [5, 3], .float16), ("f4-le", [5, 3], .float32),
            ("f4-be", [5, 3], .float32), ("f8-le", [5, 3], .float64), ("f8-be", [5, 3], .float64),
            ("one-axis", [3], .float32), ("no-axis", [], .float32), ("no-rows", [0, 512], .float32),
            ("version2", [2, 2], .float32), ("version3", [2, 2], .float32),
        ])
    func reads(name: String, shape: [Int], type: ElementType) throws {
        let array = try decode(Fixture.file("npy/\(name).npy"), with: NPYDecoder())
        let expected = Fixture.ramp(shape.reduce(1, *))
        #expect(array == DecodedArray(shape: shape, elementType: type, values: expected))
    }

    @Test("Fortran order is turned into rows", arguments: [("fortran", [4, 3]), ("fortran-3d", [2, 3, 4])])
    func transposes(name: String, shape: [Int]) throws {
        let array = try decode(Fixture.file("npy/\(name).npy"), with: NPYDecoder())
        let expected = Fixture.ramp(shape.reduce(1, *))
        #expect(array == DecodedArray(shape: shape, elementType: .float32, order: .columnMajor, values: expected))
    }

    @Test(
        "blanks, key order, quotes and Python 2's long integers do not matter",
        arguments: [
            "{\"shape\":(1L,1),'fortran_order':False,'descr':'<f4'}",
            "  { 'descr' : '=f4' ,\n'shape' :( 1, ), 'fortran_order':True }  ",
            "{'descr': '|f4', 'fortran_order': False, 'shape': ()}",
        ])
    func tolerates(header: String) throws {
        let array = try decode(NPYTests.body(header, data: .littleEndian(Float(2.5).bitPattern)), with: NPYDecoder())
        #expect(array.values == [2.5])
    }

    @Test(
        "headers that are refused, with the reason",
        arguments: [
            (header(descr: "'<i8'"), "the dtype '<i8' (integers) is not taken"),
            (header(descr: "'|O'"), "(Python objects)"), (header(descr: "'<c8'"), "(complex numbers)"),
            (header(descr: "'<f16'"), "(floats of another size)"),
            (header(descr: "[('a', '<f4'), ('b', [('c', '<i4')])]"), "a structured dtype is not taken"),
            (header(descr: "12"), "'descr' that is no string"), (header(descr: "'<f\\x34'"), "plain characters"),
            (header(order: "0"), "neither True nor False"), (header(order: "None"), "'None, 'shape' at byte"),
            (header(shape: "(3)"), "one axis is written (3,)"), (header(shape: "[3]"), "no tuple"),
            (header(shape: "(-3,)"), "negative length '-3'"), (header(shape: "(1.5,)"), "',' or ')'"),
            (header(shape: "(1, , 2)"), "an integer was expected"), (header(shape: "(1,1,1,1,1,1,1,1,1)"), "9 axes"),
            (header(shape: "(1099511627776, 1099511627776)"), "over the limit of 67108864"),
            (header(shape: "(67108864, 67108864, 67108864)"), "more elements than the limit"),
            (header(shape: "(99999999999999999999999999999999, 0)"), "over the limit"),
            ("{'descr': '<f4', 'shape': (1,), }", "lacks the key 'fortran_order'"),
            ("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "'descr' twice"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}", "unknown key 'more'"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", "'x' at byte"),
            ("{'descr': '<f4'", "its end at byte"), ("", "is empty"), ("[]", "'{' was expected"),
            ("{'a", "a closing quote"),
            ("{,}", "at byte 1"),
        ])
    func refusesHeaders(header: String, part: String) {
        let error = failure(of: ArrayDecodingError.self) { _ = try decode(NPYTests.body(header), with: NPYDecoder()) }
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "no error")")
    }

    @Test("numpy's files of other types are refused", arguments: ["integers", "objects", "structured"])
    func refusesTypes(name: String) throws {
        let error = failure(of: ArrayDecodingError.self) {
            _ = try decode(Fixture.file("npy/\(name).npy"), with: NPYDecoder())
        }
        #expect(error?.kind == .unsupported)
    }

    @Test("truncated data says how much came, trailing bytes are refused, versions and magic are checked")
    func refusesBodies() throws {
        let bytes = try Fixture.bytes("npy/f4-le.npy")
        func message(_ bytes: [UInt8]) -> String? {
            failure(of: ArrayDecodingError.self) { _ = try decode(bytes, with: NPYDecoder()) }?.description
        }
        #expect(message(Array(bytes.dropLast(3)))?.contains("ends after 57 of 60 bytes") == true)
        #expect(message(bytes + [0])?.contains("bytes follow the .npy data") == true)
        #expect(message(Array(bytes.prefix(40)))?.contains("the .npy header ends after 30 of its 118 bytes") == true)
        #expect(message([])?.contains("ends after 0 bytes") == true)
        #expect(message([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 9, 0])?.contains("version 9.0 is not known") == true)
        #expect(message([0x50])?.contains("does not begin with") == true)
        #expect(
            message([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 2, 0, 0, 0, 0, 0x40])?.contains("claims 1073741824") == true)
    }

    @Test(
        "what is written is read back, and the data begins on 64 bytes", arguments: [[2, 3], [6], [0, 512], [1, 1]])
    func writes(shape: [Int]) throws {
        let values = Fixture.ramp(shape.reduce(1, *))
        let bytes = NPYWriter.encode(values, shape: shape)
        #expect((bytes.count - values.count * 4) % 64 == 0)
        #expect(
            try decode(bytes, with: NPYDecoder()) == DecodedArray(shape: shape, elementType: .float32, values: values))
    }

    @Test("raw rows come whole or are refused with what is left over")
    func rawRows() throws {
        let bytes = Fixture.ramp(6).flatMap { [UInt8].littleEndian($0.bitPattern) }
        let array = try decode(bytes, with: RawFloatDecoder(width: 3))
        var expected = DecodedArray(shape: [2, 3], elementType: .float32, values: Fixture.ramp(6))
        expected.isTypeAssumed = true
        #expect(array == expected)
        let odd = failure(of: ArrayDecodingError.self) { _ = try decode(bytes, with: RawFloatDecoder(width: 4)) }
        #expect(
            odd?.description == "the body of 24 bytes is not a whole number of rows: a row of 4 float32 numbers is 16 "
                + "bytes, and 8 are left after 1 rows")
        let limited = RawFloatDecoder(width: 3, limits: ArrayLimits(maxElements: 5))
        #expect(failure(of: ArrayDecodingError.self) { _ = try decode(bytes, with: limited) }?.kind == .tooLarge)
    }
}
