import TestSupport
import Testing

@testable import Formats

@Suite("Pickles")
struct PickleTests {
    private func error(_ bytes: [UInt8], limits: PickleLimits = PickleLimits()) -> PickleError? {
        failure { _ = try bytes.withUnsafeBytes { try PickleReader.read($0, limits: limits) } }
    }

    @Test("os.system is refused by name in every protocol, and nothing is run", arguments: 0...5)
    func refusesSystem(protocolVersion: Int) throws {
        let error = error(try Fixture.bytes("pickle/system\(protocolVersion).pkl"))
        #expect(error?.kind == .refusedGlobal)
        #expect(
            error?.description == "the pickle calls posix.system, which a checkpoint has no use for; nothing was run")
    }

    @Test(
        "names that attackers use are refused",
        arguments: [
            ("os", "system"), ("builtins", "eval"), ("__builtin__", "exec"), ("builtins", "getattr"), ("torch", "load"),
            ("torch._utils", "_rebuild_tensor_v2.__globals__"), ("subprocess", "Popen"), ("torch.hub", "load"),
            ("numpy", "load"), ("collections.OrderedDict", ""), ("", "system"), ("operator", "attrgetter"),
            ("torch", "FloatStorage.from_file"), ("runpy", "_run_code"),
        ])
    func refusesNames(module: String, name: String) {
        var pickle = TestPickle()
        pickle.global(module, name)
        pickle.op(".")
        #expect(error(pickle.bytes)?.description.contains("the pickle calls \(module).\(name), which") == true)
    }

    @Test(
        "names that nobody knows make placeholders, whose contents are passed over",
        arguments: [
            "cpathlib\nPosixPath\n(X\u{1}\0\0\0atR.", "cproject.config\nConfig\n)R}b.", "cm\nBox\n)R(K\u{1}K\u{2}u.",
            "cm\nList\n)R(K\u{1}e.", "cnumpy.random._pickle\n__randomstate_ctor\n)R.", "cm\nMode\n.",
        ])
    func placeholders(text: String) {
        #expect(error([0x80, 2] + Array(text.utf8)) == nil)
    }

    @Test("names of any length that are recalled again and again count as text")
    func recalledNames() {
        var pickle = TestPickle()
        pickle.text(String(repeating: "m", count: 1 << 20))
        pickle.op("q\u{0}0")
        for _ in 0..<20 {
            pickle.bytes += [0x68, 0, 0x68, 0, 0x93, 0x30]
        }
        pickle.op("N.")
        #expect(error(pickle.bytes)?.kind == .tooLarge)
    }

    @Test(
        "instructions that no checkpoint needs are refused by name and place",
        arguments: [
            ("N2.", "DUP at byte 3"), ("(ios\nsystem\n.", "INST at byte 3"), ("(o.", "OBJ at byte 3"),
            ("P1\n.", "PERSID at byte 2"),
            ("p0\n.", "PUT at byte 2"), ("I1\n.", "INT at byte 2"), ("Vx\n.", "UNICODE at byte 2"),
            ("(d.", "DICT at byte 3"),
            ("\u{82}.", "EXT1"), ("\u{92}.", "NEWOBJ_EX"), ("\u{97}.", "NEXT_BUFFER"),
        ])
    func refusesInstructions(text: String, part: String) {
        let bytes = [0x80, 2] + text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
        let found = error(bytes)
        #expect(
            found?.kind == .refusedOpcode && found?.description.contains("uses \(part)") == true,
            "\(String(describing: found))")
    }

    @Test(
        "pickles that break the rules are refused, with the reason",
        arguments: [
            ([], "ends after 0 bytes"), ([0x80, 9], "protocol 9"), ([0x80, 2, 0x2E], "empty stack"),
            ([0x4E, 0x4E, 0x2E], "leaves values"),
            ([0x4E, 0x2E, 0x2E], "goes on after"), ([0x28, 0x2E], "empty stack"), ([0x74], "mark that was not set"),
            ([0xFF], "0xFF"),
            ([0x4E, 0x28, 0x30, 0x30, 0x2E], "empty stack"), ([0x68, 3], "recalls the value 3"),
            ([0x4E, 0x4E, 0x61], "not a list"),
            ([0x5D, 0x4E, 0x4E, 0x73], "not a dictionary"), ([0x7D, 0x28, 0x4E, 0x75], "a key without a value"),
            ([0x58, 0xFF, 0xFF, 0xFF, 0x7F], "bytes of text"), ([0x58, 9, 0, 0, 0], "claims 9 bytes"),
            ([0x58, 1, 0, 0, 0, 0xFF], "not UTF-8"),
            ([0x8B, 0xFF, 0xFF, 0xFF, 0xFF], "bytes of an integer"),
            ([0x8E] + [UInt8](repeating: 0xFF, count: 8), "claims 18446744073709551615"),
            ([0x4E, 0x29, 0x52], "not a function"), ([0x63, 0x61, 0x0A], "no name of text"),
            ([0x4E, 0x4E, 0x93], "other than text"),
            ([0x4E, 0x4E, 0x62], "attributes to what has none"), ([0x8E, 1, 0, 0, 0, 0, 0, 0, 0], "and 0 are left"),
        ] as [([UInt8], String)])
    func refuses(bytes: [UInt8], part: String) {
        let found = error(bytes)
        #expect(found?.description.contains(part) == true, "\(String(describing: found))")
    }

    @Test(
        "values of every sort are read",
        arguments: [
            ([0x8A, 1, 0xFF], -1), ([0x8A, 0], 0), ([0x4A, 0xFE, 0xFF, 0xFF, 0xFF], -2), ([0x4D, 0x34, 0x12], 0x1234),
            ([0x4B, 7], 7),
            ([0x8A, 8, 0, 0, 0, 0, 0, 0, 0, 0x80], Int.min),
        ] as [([UInt8], Int)])
    func readsIntegers(bytes: [UInt8], expected: Int) throws {
        let graph = try (bytes + [0x2E]).withUnsafeBytes { try PickleReader.read($0) }
        #expect(graph.integer(graph.root) == expected)
    }

    @Test("a million levels of nesting and a list inside itself are read and let go")
    func deepAndCyclic() throws {
        let depth = 1_000_000
        let nested = [UInt8](repeating: 0x5D, count: depth) + [UInt8](repeating: 0x61, count: depth - 1) + [0x2E]
        #expect(throws: Never.self) { try nested.withUnsafeBytes { try PickleReader.read($0) } }
        let cyclic: [UInt8] = [0x5D, 0x71, 0, 0x68, 0, 0x61, 0x2E]
        #expect(throws: Never.self) { try cyclic.withUnsafeBytes { try PickleReader.read($0) } }
        // ((((…))…) by TUPLE1, whose naive teardown would recurse.
        let tuples = [0x29] + [UInt8](repeating: 0x85, count: depth) + [0x2E]
        #expect(throws: Never.self) { try tuples.withUnsafeBytes { try PickleReader.read($0) } }
    }

    @Test("a billion laughs stay as small as the pickle")
    func laughs() throws {
        var bytes: [UInt8] = [0x80, 2, 0x5D, 0x71, 0]
        for level in UInt8(1)..<200 {
            // A list of ten references to the list before it.
            bytes += [0x5D, 0x71, level, 0x28] + (0..<10).flatMap { _ in [0x68, level - 1] } + [0x65]
        }
        bytes += (0..<199).map { _ in 0x30 } + [0x2E]
        let graph = try bytes.withUnsafeBytes { try PickleReader.read($0) }
        #expect(graph.count == 200)
    }

    @Test(
        "each limit stops the machine",
        arguments: [
            ([UInt8](repeating: 0x4E, count: 2000), "values"), ([UInt8](repeating: 0x28, count: 2000), "waiting"),
            ([0x4E] + (0..<2000).flatMap { [0x72] + [UInt8].littleEndian(UInt32($0)) }, "remembered"),
            ((0..<2000).flatMap { _ in [UInt8(0x4E), 0x30] }, "values"),
            ((0..<2000).flatMap { _ in [UInt8(0x28), 0x30] }, "instructions"),
            ((0..<300).flatMap { _ in [UInt8(0x8C), 8, 65, 65, 65, 65, 65, 65, 65, 65] }, "bytes of text"),
        ] as [([UInt8], String)])
    func limits(bytes: [UInt8], part: String) {
        var limits = PickleLimits()
        (limits.maxOpcodes, limits.maxValues, limits.maxStack, limits.maxMemo, limits.maxTextBytes) = (
            3000, 1000, 1500, 500, 2000
        )
        let found = error(bytes, limits: limits)
        #expect(found?.kind == .tooLarge && found?.description.contains(part) == true, "\(String(describing: found))")
    }
}
