import Formats
import Platform
import TestSupport
import Testing

@Suite("PyTorch checkpoints")
struct TorchTests {
    @Test(
        "stored, deflated, with descriptors, another protocol, another top folder",
        arguments: ["plain", "deflated", "descriptors", "protocol4", "training"])
    func reads(name: String) throws {
        let checkpoint = try TorchCheckpoint(file: Fixture.file("torch/\(name).pth"))
        #expect(checkpoint.names == ["a.weight", "b", "scale"])
        #expect(checkpoint.totalParameters == 18 && checkpoint.elementCount("b") == 5)
        #expect(try checkpoint.floats("a.weight", shape: [4, 3]) == Fixture.ramp(12))
        #expect(try checkpoint.floats("b") == Fixture.ramp(5))
        #expect(try checkpoint.floats("scale", shape: []) == Fixture.ramp(1))
        #expect(throws: CheckpointError.shape(name: "b", expected: [6], found: [5])) {
            try checkpoint.floats("b", shape: [6])
        }
        #expect(throws: CheckpointError.missing(name: "c")) { try checkpoint.floats("c") }
    }

    @Test(
        "views of a storage come out row-major, in every element type",
        arguments: [
            ("whole", 0..<12), ("slice", [4, 5, 7, 8]), ("expanded", [2, 3, 2, 3, 2, 3]),
            ("transposed", [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]), ("empty", []), ("parameter", 0..<12),
            ("half", 0..<5), ("brain", 0..<5),
            ("double", 0..<5),
        ] as [(String, any Sequence<Int> & Sendable)])
    func readsViews(name: String, indexes: any Sequence<Int> & Sendable) throws {
        let checkpoint = try TorchCheckpoint(file: Fixture.file("torch/views.pth"))
        let ramp = Fixture.ramp(12)
        #expect(try checkpoint.floats(name) == indexes.map { ramp[$0] })
        #expect(try checkpoint.floats("long") == [-1, 0, 5])
    }

    @Test("rows are read by themselves")
    func readsRows() throws {
        let checkpoint = try TorchCheckpoint(file: Fixture.file("torch/views.pth"))
        #expect(try checkpoint.floats("whole", rows: 1..<3) == Array(Fixture.ramp(9)[3...]))
        #expect(try checkpoint.floats("transposed", rows: 2..<3) == [2, 5, 8, 11].map { Fixture.ramp(12)[$0] })
        #expect(try checkpoint.floats("whole", rows: 4..<4) == [])
        #expect(throws: CheckpointError.self) { try checkpoint.floats("whole", rows: 3..<5) }
    }

    @Test(
        "what is not a checkpoint of this sort is named",
        arguments: [
            ("torch/legacy.pth", "format of PyTorch before 1.6"), ("torch/script.pth", "TorchScript archive"),
            ("torch/big.pth", "byte order 'big'"), ("npy/f4-le.npy", "is a numpy array"),
            ("safetensors/plain.safetensors", "is a safetensors file"),
            ("zip/mixed.zip", "no FOLDER/data.pkl"), ("gzip/one.gz", "is gzip data"), ("json/features.json", "is JSON"),
            ("make_fixtures.py", "is a text, not a PyTorch checkpoint"),
        ])
    func namesOthers(name: String, part: String) throws {
        let error = failure(of: CheckpointError.self) { _ = try TorchCheckpoint(file: Fixture.file(name)) }
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "no error")")
    }

    @Test(
        "downloads gone wrong are named",
        arguments: [
            ("", "is empty"), ("\n<!DOCTYPE html><html>", "is a web page"),
            ("version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
            ("PK\u{3}\u{4}and then nothing", "may be cut short"),
        ])
    func namesDownloads(text: String, part: String) throws {
        let folder = try ScratchFolder()
        let file = try folder.write(Array(text.utf8))
        let error = failure(of: CheckpointError.self) { _ = try TorchCheckpoint(file: file) }
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "no error")")
    }

    private func error(_ pickle: [UInt8], storage: [UInt8] = [UInt8](repeating: 0, count: 48)) throws -> String? {
        let folder = try ScratchFolder()
        let file = try folder.write(TestZip(pickle: pickle, storages: ["0": storage]).bytes)
        return failure(of: CheckpointError.self) { _ = try TorchCheckpoint(file: file) }?.description
    }

    /// A TorchScript archive of modules whose attributes `fill` writes.
    private func script(_ fill: (inout TestPickle) -> Void) throws -> MappedFile {
        var pickle = TestPickle()
        pickle.global("__torch__", "Module")
        pickle.bytes += [0x29, 0x81, 0x7D, 0x28]
        fill(&pickle)
        pickle.op("ub.")
        var zip = TestZip(pickle: pickle.bytes, storages: ["0": [UInt8](repeating: 0, count: 48)])
        zip.entries.append(.init(name: "archive/code/__torch__.py", data: Array("import os".utf8)))
        return try ScratchFolder().write(zip.bytes)
    }

    @Test("a TorchScript archive's tensors have the names that its state dict would give them")
    func readsScript() throws {
        let file = try script { pickle in
            pickle.text("bias")
            pickle.tensor(count: 12, shape: [3], strides: [1])
            pickle.text("training")
            pickle.op("N")
            for name in ["inner", "again"] {
                pickle.text(name)
                pickle.global("__torch__.inner", "Module")
                pickle.bytes += [0x29, 0x81, 0x7D, 0x28]
                pickle.text("weight")
                pickle.tensor(count: 12, shape: [3, 4], strides: [4, 1])
                pickle.op("ub")
            }
        }
        let checkpoint = try TorchCheckpoint(file: file)
        #expect(checkpoint.names == ["bias", "inner.weight", "again.weight"])
        #expect(checkpoint.tensor(named: "inner.weight")?.shape == [3, 4])
    }

    @Test("names that a TorchScript archive repeats by reference cost no more than they may")
    func boundsScriptNames() throws {
        let long = try script { pickle in
            pickle.text(String(repeating: "n", count: 2_000))
            pickle.tensor(count: 12, shape: [3], strides: [1])
        }
        let many = try script { pickle in
            for _ in 0..<20_000 {
                // The name is remembered once and meant by each attribute.
                if pickle.bytes.count < 1_000 {
                    pickle.text(String(repeating: "n", count: 1_000))
                    pickle.bytes += [0x71, 0]
                    pickle.tensor(count: 12, shape: [3], strides: [1])
                    pickle.bytes += [0x71, 1]
                } else {
                    pickle.bytes += [0x68, 0, 0x68, 1]
                }
            }
        }
        let shared = try script { pickle in
            // One module under many names, and itself within.
            pickle.text("a")
            pickle.global("__torch__.inner", "Module")
            pickle.bytes += [0x29, 0x81, 0x71, 0, 0x7D, 0x28]
            pickle.text("weight")
            pickle.tensor(count: 12, shape: [3], strides: [1])
            pickle.text("self")
            pickle.bytes += [0x68, 0]
            pickle.op("ub")
            for number in 0..<100 {
                pickle.text("b\(number)")
                pickle.bytes += [0x68, 0]
            }
        }
        for file in [long, many] {
            let error = failure(of: CheckpointError.self) { _ = try TorchCheckpoint(file: file) }
            #expect(error?.description.contains("too many, too deep or too long of name") == true)
        }
        #expect(try TorchCheckpoint(file: shared).names == ["a.weight"])
    }

    @Test("an os.system pickle inside an archive is refused by name", arguments: 0...5)
    func refusesSystem(protocolVersion: Int) throws {
        let message = try error(Fixture.bytes("pickle/system\(protocolVersion).pkl"))
        #expect(message?.contains("calls posix.system, which a checkpoint has no use for; nothing was run") == true)
    }

    @Test(
        "tensors that do not fit their storage are refused",
        arguments: [
            (12, 0, [13], [1], "reaches beyond its storage of 12"), (12, 1, [4, 3], [3, 1], "reaches beyond"),
            (12, 13, [], [], "begins at element 13"),
            (12, -1, [1], [1], "begins at element -1"), (12, 0, [-3], [1], "negative length"),
            (12, 0, [3], [-1], "negative strides"),
            (12, 0, [1 << 40, 1 << 40], [1 << 40, 1], "beyond all memory"),
            (12, 0, [1 << 40, 1 << 40, 0], [1, 1], "3 lengths and 2 strides"),
            (12, 0, [2, 2], [.max, .max], "reaches beyond"), (12, 12, [], [], "reaches beyond"),
            (13, 0, [1], [1], "claims 13 float32 elements"),
            (.max, 0, [1], [1], "claims 9223372036854775807 float32"), (-1, 0, [1], [1], "claims -1"),
        ] as [(Int, Int, [Int], [Int], String)])
    func refusesMisfits(count: Int, offset: Int, shape: [Int], strides: [Int], part: String) throws {
        let message = try error(TestPickle.stateDict(count: count, offset: offset, shape: shape, strides: strides))
        #expect(
            message?.hasPrefix("the tensor 'w' ") == true && message?.contains(part) == true, "\(message ?? "no error")"
        )
    }

    @Test("tensors that together claim many times the stored numbers are refused before memory is reserved")
    func refusesExpanded() throws {
        let folder = try ScratchFolder()
        for side in [1 << 12, 1 << 31] {
            let pickle = TestPickle.stateDict(count: 12, shape: [side, side], strides: [0, 0])
            let file = try folder.write(
                TestZip(pickle: pickle, storages: ["0": [UInt8](repeating: 0, count: 48)]).bytes)
            let error = failure(of: CheckpointError.self) { _ = try TorchCheckpoint(file: file) }
            #expect(error?.description.contains("but only 12 numbers to fill them") == true)
        }
    }

    @Test(
        "shapes with axes of one or no element and absurd strides are harmless",
        arguments: [
            ([1, 3], [Int.max, 1], 3), ([3, 1], [1, .max], 3), ([0, 5], [.max, .max], 0),
            ([1 << 40, 1 << 40, 0], [1, 2, 3], 0),
        ])
    func harmlessStrides(shape: [Int], strides: [Int], count: Int) throws {
        let folder = try ScratchFolder()
        let pickle = TestPickle.stateDict(count: 12, shape: shape, strides: strides)
        let checkpoint = try TorchCheckpoint(
            file: folder.write(TestZip(pickle: pickle, storages: ["0": [UInt8](repeating: 0, count: 48)]).bytes))
        #expect(try checkpoint.floats("w").count == count)
        #expect(try checkpoint.floats("w", rows: 0..<shape[0]).count == count)
    }

    @Test(
        "descriptions that are not torch's are refused",
        arguments: [
            ("9", "FloatStorage", "is kept in the storage '9', which the archive does not have"),
            ("../0", "FloatStorage", "is kept in the storage '../0'"), ("0", "UntypedStorage", "untyped storage"),
            ("0", "HalfStorage", "claims 12 float16 elements"), ("0", "Size", "what is not a storage"),
        ])
    func refusesStorages(key: String, storage: String, part: String) throws {
        let message = try error(TestPickle.stateDict(storage: storage, key: key, count: 12, shape: [3], strides: [1]))
        #expect(message?.contains(part) == true, "\(message ?? "no error")")
    }

    @Test(
        "a pickle without tensors says what it holds instead",
        arguments: [
            ("N.", "holds no dictionary"), ("}.", "it has nothing"), ("}X\u{1}\0\0\0aK\u{1}s.", "it has 'a'"),
            ("}q\u{0}X\u{5}\0\0\0modelh\u{0}s.", "it has 'model'"),
        ])
    func refusesEmpty(text: String, part: String) throws {
        let message = try error([0x80, 2] + Array(text.utf8))
        #expect(message?.contains(part) == true, "\(message ?? "no error")")
    }

    @Test("two tensors whose names Unicode calls equal are two")
    func namesAreBytes() throws {
        let archive = try ZipArchive(file: Fixture.file("torch/views.pth"))
        var entries: [TestZip.Entry] = []
        for entry in archive.entries {
            entries.append(TestZip.Entry(name: entry.name, data: try archive.contents(of: entry, limit: 1 << 20)))
        }
        let (sign, letter) = ("\u{212B}ng", "A\u{30A}ng")
        let pickle = entries[0].data.replacing(Array("whole".utf8), with: Array(sign.utf8))
        entries[0].data = pickle.replacing(Array("slice".utf8), with: Array(letter.utf8))
        let folder = try ScratchFolder()
        let checkpoint = try TorchCheckpoint(file: folder.write(TestZip(entries).bytes))
        #expect(try checkpoint.floats(sign) == Fixture.ramp(12))
        #expect(try checkpoint.floats(letter) == [4, 5, 7, 8].map { Fixture.ramp(12)[$0] })
    }

    @Test("a prefix is taken off by its bytes, whatever mark follows it")
    func prefixIsBytes() throws {
        var pickle = TestPickle()
        pickle.op("}")
        for name in ["module.w", "module.\u{301}w"] {
            pickle.text(name)
            pickle.tensor(count: 1, shape: [1], strides: [1])
            pickle.op("s")
        }
        pickle.op(".")
        let folder = try ScratchFolder()
        let zip = TestZip(pickle: pickle.bytes, storages: ["0": [0, 0, 0, 0]])
        let checkpoint = try TorchCheckpoint(file: folder.write(zip.bytes))
        #expect(checkpoint.names.map { Array($0.utf8) } == [Array("w".utf8), Array("\u{301}w".utf8)])
    }

    @Test("two tensors that are not read are two where Unicode calls their names equal")
    func unreadNamesAreBytes() throws {
        var pickle = TestPickle()
        pickle.op("}")
        for name in ["\u{212B}", "A\u{30A}"] {
            pickle.text(name)
            pickle.tensor(storage: "ComplexFloatStorage", count: 1, shape: [1], strides: [1])
            pickle.op("s")
        }
        pickle.text("w")
        pickle.tensor(count: 1, shape: [1], strides: [1])
        pickle.op("s.")
        let folder = try ScratchFolder()
        let zip = TestZip(pickle: pickle.bytes, storages: ["0": [UInt8](repeating: 0, count: 4)])
        let checkpoint = try TorchCheckpoint(file: folder.write(zip.bytes))
        #expect(checkpoint.names == ["w"] && checkpoint.unread.count == 2)
    }

    @Test("a damaged storage is found by its checksum when it is read")
    func checksStorage() throws {
        let folder = try ScratchFolder()
        let pickle = TestPickle.stateDict(count: 1, shape: [1], strides: [1])
        var zip = TestZip(pickle: pickle, storages: ["0": [0, 0, 0, 0]])
        zip.entries[1].crc = 1
        let checkpoint = try TorchCheckpoint(file: folder.write(zip.bytes))
        let error = failure(of: CheckpointError.self) { _ = try checkpoint.floats("w") }
        #expect(error?.description.contains("'archive/data/0' does not have the checksum") == true)
    }

    @Test("two files named data.pkl are refused")
    func refusesTwoPickles() throws {
        let folder = try ScratchFolder()
        let entries = ["a/data.pkl", "b/data.pkl"].map { TestZip.Entry(name: $0, data: [0x4E, 0x2E]) }
        let file = try folder.write(TestZip(entries).bytes)
        let error = failure(of: CheckpointError.self) { _ = try TorchCheckpoint(file: file) }
        #expect(error?.description.contains("2 files named data.pkl") == true)
    }

    @Test("a storage that honestly unpacks to more than the limit is refused before it is unpacked")
    func refusesBombs() throws {
        var limits = CheckpointLimits()
        limits.maxStorageBytes = 40
        let checkpoint = try TorchCheckpoint(file: Fixture.file("torch/deflated.pth"), limits: limits)
        let error = failure(of: CheckpointError.self) { _ = try checkpoint.floats("a.weight") }
        #expect(error?.description.contains("'archive/data/0' has 48 bytes, and the limit is 40") == true)
        limits.maxPickleBytes = 10
        #expect(throws: CheckpointError.self) {
            try TorchCheckpoint(file: Fixture.file("torch/plain.pth"), limits: limits)
        }
    }

    @Test("threads may read one checkpoint at the same time")
    func readsConcurrently() async throws {
        let checkpoint = try TorchCheckpoint(file: Fixture.file("torch/views.pth"))
        try await withThrowingTaskGroup(of: [Float].self) { group in
            for _ in 0..<32 { group.addTask { try checkpoint.floats("whole") } }
            for try await values in group { #expect(values == Fixture.ramp(12)) }
        }
    }
}
