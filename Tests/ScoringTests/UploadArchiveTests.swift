import Formats
import Testing

@testable import Scoring

/// Bodies that hold several matrices: zip archives and safetensors files.
@Suite("Uploads of archives")
struct UploadArchiveTests {
    private typealias Samples = UploadSamples

    @Test(
        "every file of an archive is a matrix, in every format, stored or deflated",
        arguments: ["batch-stored.zip", "batch-deflated.zip", "batch-streamed.zip"],
        [UploadFormat.zip, .bytes, .unlabelled])
    func reads(name: String, format: UploadFormat) async throws {
        let upload = try await Samples.read(Samples.fixture("zip/\(name)"), as: .file(format))
        #expect(upload.isBatch)
        #expect(upload.names == ["cam7", "night/cam8.v2", "cam9", "night/cam10", "cam11", "cam12"])
        for (matrix, rows) in zip(upload.matrices, [2, 3, 4, 5, 6, 2]) {
            #expect(matrix.array.shape == [rows, 3] && matrix.array.values == Samples.ramp(rows: rows))
        }
        #expect(upload.matrices[1].file == "night/cam8.v2.npy")
    }

    @Test("numpy's archives are read", arguments: ["batch.npz", "batch-compressed.npz"])
    func npz(name: String) async throws {
        let upload = try await Samples.read(Samples.fixture("zip/\(name)"), as: .file(.zip))
        #expect(upload.names == ["cam7", "cam8"] && upload.matrices.map(\.array.shape) == [[2, 3], [3, 3]])
    }

    @Test("what macOS leaves is passed over by its bytes: a mark behind a slash makes no other folder of it")
    func passedOver() async throws {
        let zip = SampleZip([("a.npy", Samples.npy(rows: 1)), ("__MACOSX/\u{301}a.npy", [1])])
        #expect(try await Samples.read(zip.bytes, as: .file(.zip)).names == ["a"])
    }

    @Test("an archive of one matrix is one job, as a safetensors file of one is, and is called by the same rule")
    func one() async throws {
        let scalar = NPYWriter.encode([25], rows: 1, columns: 1)
        let cases: [([(String, [UInt8])], String?)] = [
            ([("a.npy", Samples.npy(rows: 1))], "a"), ([("north/a.npy", Samples.npy(rows: 1))], "north/a"),
            ([("features.npy", Samples.npy(rows: 1))], nil),
            ([("features.npy", Samples.npy(rows: 1)), ("fps.npy", scalar)], nil),
        ]
        for (files, name) in cases {
            let body = SampleZip(files.map { ($0.0, $0.1) }).bytes
            let upload = try await Samples.read(body, as: .file(.zip))
            #expect(!upload.isBatch && upload.names == [name])
            let form = try await Samples.read(Samples.form(Samples.part("features", file: "night.npz", body)))
            #expect(!form.isBatch && form.names == ["night.npz"])
            #expect(form.matrices[0].file == "night.npz/\(files[0].0)")
        }
    }

    @Test(
        "wherever a body is cut, the same comes out",
        arguments: [
            "zip/batch-deflated.zip", "zip/batch-streamed.zip", "safetensors/three.safetensors",
            "safetensors/plain.safetensors", "npy/f4-le.npy",
        ])
    func everyCut(name: String) async throws {
        let body = try Samples.fixture(name)
        let whole = try await Samples.read(body, as: .file(.bytes)).summary
        for cut in 0...body.count {
            let upload = try await Samples.readContent(body, as: .bytes, cutAt: cut)
            #expect(upload.summary == whole, "cut at \(cut)")
        }
    }

    @Test("a safetensors file of several matrices is a batch, one with features is a matrix as ever")
    func tensors() async throws {
        let three = try await Samples.read(Samples.fixture("safetensors/three.safetensors"), as: .file(.safetensors))
        #expect(three.isBatch && three.names == ["b", "a", "c"] && three.matrices.map(\.file) == ["b", "a", "c"])
        let plain = try await Samples.read(Samples.fixture("safetensors/plain.safetensors"), as: .file(.safetensors))
        #expect(!plain.isBatch && plain.names == [nil] && plain.matrices[0].array.shape == [4, 3])
        let header = #"{"cam":{"dtype":"F32","shape":[1,3],"data_offsets":[0,12]}}"#
        let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
        let one = try await Samples.read(
            length + Array(header.utf8) + [UInt8](repeating: 0, count: 12), as: .file(.safetensors))
        #expect(!one.isBatch && one.names == ["cam"])
    }

    private static func archive(_ files: (String, [UInt8])...) -> [UInt8] {
        SampleZip(files.map { ($0.0, $0.1) }).bytes
    }

    private static func archive(adding change: (inout SampleZip) -> Void) -> [UInt8] {
        var zip = SampleZip([])
        change(&zip)
        return zip.bytes
    }

    private static let npy = UploadSamples.npy(rows: 1)
    private static let header = Array(npy.dropLast(12))

    @Test(
        "archives that are refused, with the sort of fault and the reason",
        arguments: [
            ([], .unreadable, "it is empty"), (archive(), .unreadable, "has no files"),
            (archive(("folder/", []), ("__MACOSX/._a", [1])), .unreadable, "has no files"),
            (Array(archive(("a.npy", npy)).dropLast()), .unreadable, "its directory is missing"),
            (archive(("a.npy", npy), ("b.npy", header)), .unreadable, "'b.npy': "),
            (archive(("a.npy", [])), .unreadable, "'a.npy': "),
            (archive(("notes.txt", Array("hello".utf8))), .unfit, "'notes.txt': these are no features but a text"),
            (archive(("rows.dat", [UInt8](repeating: 0, count: 12))), .unreadable, ".bin, .f32 or .raw"),
            (archive(("rows.raw", [UInt8](repeating: 0, count: 13))), .unreadable, "'rows.raw': the body of 13 bytes"),
            (archive(("a.npy", npy), ("a.npy", npy)), .unreadable, "the name 'a.npy' occurs twice"),
            (archive(("a.npy", npy), ("a.json", npy)), .unreadable, "'a.npy' and 'a.json' would both be called 'a'"),
            (archive(("../a.npy", npy)), .unfit, "'../a.npy' has a name that leads out"),
            (archive(("/etc/a.npy", npy)), .unfit, "'/etc/a.npy'"),
            (archive(("C:\\a.npy", npy)), .unfit, "'C:\\a.npy'"),
            (archive(("x\\..\\a.npy", npy)), .unfit, "leads out"),
            (archive(("a\nb.npy", npy)), .unfit, "no plain path"),
            // A slash with a mark above it is still a slash.
            (archive(("../\u{301}a.npy", npy)), .unfit, "leads out"),
            (archive(("x/../\u{301}a.npy", npy)), .unfit, "leads out"),

            (archive((String(repeating: "a", count: 1_025), npy)), .unfit, "a name of 1025 bytes"),
            (archive(("in.zip", archive(("a.npy", npy)))), .unfit, "'in.zip': the entry is a zip archive"),
            (archive(("m/data.pkl", [0x80, 2]), ("m/data/0", [1])), .unfit, "PyTorch checkpoint"),
            (archive(("a.npy", npy), ("m/data.pkl", [0x80, 2])), .unfit, "PyTorch checkpoint"),
            (archive { $0.add(Array("a.npy".utf8), npy, flags: 1) }, .unfit, "'a.npy' is encrypted"),
            (archive { $0.add(Array("a.npy".utf8), npy, method: 12) }, .unfit, "'a.npy' is compressed by method 12"),
            (archive { $0.add([0xFF, 0x61], npy) }, .unfit, "not UTF-8"),
            (
                archive { $0.add(Array("a.npy".utf8), npy, size: 1 << 23, method: 8) }, .tooLarge,
                "entry 'a.npy' the zip archive"
            ),
            (
                archive { $0.add(Array("a.npy".utf8), [7] + npy, size: 100, method: 8) }, .unreadable,
                "'a.npy' is corrupt"
            ),
        ] as [([UInt8], Fault, String)])
    func refuses(body: [UInt8], fault: Fault, words: String) async {
        let problem = await Samples.problem(body, as: .file(.zip))
        #expect(problem?.fault == fault, "\(problem?.description ?? "no problem")")
        #expect(problem?.description.contains(words) == true, "\(problem?.description ?? "no problem")")
        #expect(problem?.description.contains("\n") == false)
    }

    @Test("names that differ in bytes differ, and endings are ASCII's")
    func namesAreBytes() async throws {
        let names = ["\u{E9}.npy", "e\u{301}.npy", "\u{E9}:a.npy", "\u{212A}.NPY"]
        let body = SampleZip(names.map { ($0, UploadSamples.npy(rows: 1)) }).bytes
        let upload = try await Samples.read(body, as: .file(.zip))
        let expected = ["\u{E9}", "e\u{301}", "\u{E9}:a", "\u{212A}"]
        #expect(upload.matrices.map { Array(($0.name ?? "").utf8) } == expected.map { Array($0.utf8) })
    }

    @Test("a checkpoint is refused by its front, before the rest has come")
    func checkpointFront() throws {
        let body = try Samples.fixture("torch/plain.pth")
        var decoder = UploadDecoder(format: .bytes, width: 3, limits: Samples.limits)
        try decoder.feed(Array(body[..<40]))
        #expect(throws: UploadDecoder.checkpoint) { try decoder.feed(Array(body[40..<60])) }
    }

    @Test("an archive that unpacks to more than the limit is refused before it is unpacked")
    func unpacksTooFar() async throws {
        let size = 3 << 20
        let body = SampleZip([("zeros.f32", [UInt8](repeating: 0, count: size))]).bytes
        let problem = await Samples.problem(body, as: .file(.zip), limits: ArrayLimits(maxElements: size / 4 - 1))
        #expect(problem?.fault == .tooLarge && problem?.description.contains("'zeros.f32'") == true)
        let upload = try await Samples.read(body, as: .file(.zip), limits: ArrayLimits(maxElements: size / 4))
        #expect(upload.matrices[0].array.values.count == size / 4)
    }

    @Test("an archive that unpacks to more than 200 times its size is refused, as a body in gzip is")
    func unpacksTooMuch() async throws {
        var zip = SampleZip([])
        zip.add(Array("a.npy".utf8), Self.npy, size: 2 << 20, method: 8)
        let problem = await Samples.problem(zip.bytes, as: .file(.zip))
        #expect(problem?.fault == .tooLarge && problem?.description.contains("more than 200 times its size") == true)
    }

    @Test("the backlog's budget ends the unpacking of an archive, whose bytes are counted with its numbers")
    func budget() async throws {
        let body = SampleZip([("zeros.f32", [UInt8](repeating: 0, count: 3 << 20))]).bytes
        let enough = (3 << 20) + body.count
        #expect(await Samples.problem(body, as: .file(.zip), budget: enough - 1)?.fault == .tooLarge)
        #expect(try await Samples.read(body, as: .file(.zip), budget: enough).matrices.count == 1)
    }

    @Test("an archive of more matrices than the limit is refused with their number")
    func many() async throws {
        let files = (0...1_000).map { ("cam\($0).npy", Self.npy) }
        let problem = await Samples.problem(SampleZip(files).bytes, as: .file(.zip))
        #expect(problem?.fault == .tooLarge && problem?.description.contains("has 1001 files") == true)
        let upload = try await Samples.read(SampleZip(files.dropLast() + [("folder/", [])]).bytes, as: .file(.zip))
        #expect(upload.matrices.count == 1_000)
        let tensors = await Samples.problem(
            try Samples.fixture("safetensors/three.safetensors"), as: .file(.safetensors),
            limits: ArrayLimits(maxMatrices: 2))
        #expect(tensors?.fault == .tooLarge && tensors?.description.contains("has 3 matrices") == true)
    }
}
