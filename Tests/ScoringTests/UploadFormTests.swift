import Formats
import Testing
import VadCLIP

@testable import Scoring

/// Forms of one file and of several.
@Suite("Uploads by forms")
struct UploadFormTests {
    private typealias Samples = UploadSamples

    private static let one = Samples.part("features", file: "cam7.npy", Samples.npy(rows: 2))
    private static let two = Samples.part("features", file: "nights/cam8.npy", Samples.npy(rows: 3))
    private static let three = Samples.part(
        "third", file: "cam9.json", type: "application/json", Array(#"{"features": [[1, 2, 3]]}"#.utf8))
    private static let fps = Samples.part("fps", Array("25".utf8))

    @Test("one file is no batch, and is called as its file is")
    func single() async throws {
        let upload = try await Samples.read(Samples.form(Self.one, Self.fps))
        #expect(!upload.isBatch && upload.names == ["cam7.npy"])
        #expect(upload.matrices[0].array.values == Samples.ramp(rows: 2))
        #expect(upload.parameters == [Parameter("fps", .text("25"))])
        let field = try await Samples.read(Samples.form(Samples.part("features", Samples.npy(rows: 2))))
        #expect(!field.isBatch && field.names == [nil])
    }

    @Test("two files of one field are a batch in their order, called by their names")
    func two() async throws {
        let upload = try await Samples.read(Samples.form(Self.one, Self.fps, Self.two))
        #expect(upload.isBatch && upload.names == ["cam7", "cam8"])
        #expect(upload.matrices.map(\.array.shape) == [[2, 3], [3, 3]])
        #expect(upload.matrices.map(\.file) == ["cam7.npy", "nights/cam8.npy"])
        #expect(upload.parameters == [Parameter("fps", .text("25"))])
    }

    @Test("a file in a field of any name is a matrix; a field without a file's name is an option")
    func anyField() async throws {
        let upload = try await Samples.read(Samples.form(Self.three, Self.one, Self.two, Self.fps))
        #expect(upload.isBatch && upload.names == ["cam9", "cam7", "cam8"])
        #expect(upload.matrices[0].array.values == [1, 2, 3])
    }

    @Test("files without a name are numbered, and names that occur twice too")
    func numbers() async throws {
        let nameless = Samples.part("features", Samples.npy(rows: 1))
        let upload = try await Samples.read(
            Samples.form(
                nameless, Self.one, nameless, Self.one, Samples.part("x", file: "cam7.v2", Samples.npy(rows: 4)))
        )
        #expect(upload.names == ["features-1", "cam7", "features-3", "cam7-2", "cam7-3"])
        #expect(upload.matrices.map(\.array.shape[0]) == [1, 2, 1, 2, 4])
    }

    @Test("names of files that differ in bytes differ")
    func namesAreBytes() async throws {
        let names = ["\u{E9}.npy", "e\u{301}.npy", "a/\u{301}b.npy"]
        let parts = names.flatMap { Samples.part("features", file: $0, Samples.npy(rows: 1)) }
        let upload = try await Samples.read(Samples.form(parts))
        let expected = ["\u{E9}", "e\u{301}", "\u{301}b"]
        #expect(upload.matrices.map { Array(($0.name ?? "").utf8) } == expected.map { Array($0.utf8) })
    }

    @Test("wherever a form is cut, the same comes out")
    func everyCut() async throws {
        let archive = Samples.part("batch", file: "b.zip", try Samples.fixture("zip/batch.npz"))
        for body in [
            Samples.form(Self.one, Self.two), Samples.form(Self.fps, Self.one, Self.three, Self.two),
            Samples.form(archive, Self.one),
        ] {
            let whole = try await Samples.read(body).summary
            for cut in 0...body.count {
                let upload = try await Samples.readForm(body, cutAt: cut)
                #expect(upload.summary == whole, "cut at \(cut)")
            }
        }
    }

    @Test("an archive's and a safetensors file's matrices stand where the file does")
    func containers() async throws {
        let archive = Samples.part("a", file: "night.zip", try Samples.fixture("zip/batch.npz"))
        let tensors = Samples.part("b", file: "day.safetensors", try Samples.fixture("safetensors/three.safetensors"))
        let upload = try await Samples.read(Samples.form(archive, Self.one, tensors))
        #expect(upload.isBatch && upload.names == ["cam7", "cam8", "cam7-2", "b", "a", "c"])
        #expect(
            upload.matrices.map(\.file) == [
                "night.zip/cam7.npy", "night.zip/cam8.npy", "cam7.npy", "day.safetensors/b", "day.safetensors/a",
                "day.safetensors/c",
            ])
        let single = SampleZip([("cam1.npy", Samples.npy(rows: 1))]).bytes
        let alone = try await Samples.read(Samples.form(Samples.part("features", file: "one", single)))
        #expect(!alone.isBatch && alone.names == ["one"])
    }

    @Test("a file that was not chosen in a browser is passed over")
    func notChosen() async throws {
        let upload = try await Samples.read(Samples.form(Self.one, Samples.part("more", file: "", [])))
        #expect(upload.matrices.count == 1 && upload.parameters.isEmpty)
    }

    @Test("refusals name the file")
    func refuses() async throws {
        func detail(_ parts: [UInt8]..., limits: ArrayLimits = Samples.limits) async -> String {
            await Samples.problem(parts.flatMap { $0 } + Samples.form(), limits: limits)?.description ?? "no problem"
        }
        func file(_ name: String, _ text: String) -> [UInt8] { Samples.part("features", file: name, Array(text.utf8)) }
        #expect(await detail(Self.fps) == "The form has no field 'features': expected a file of that name.")
        #expect(
            await detail(Self.one, file("notes.txt", "hello")).hasPrefix(
                "'notes.txt': these are no features but a text"))
        #expect(await detail(Self.one, file("x.json", "{\"features\": [[1], [2, 3]]}")).hasPrefix("'x.json': "))
        #expect(await detail(file("x.npy", "no array at all")).hasPrefix("'x.npy': "))
        #expect(await detail(Samples.part("features", [1, 2])).hasPrefix("'features': the body of 2 bytes"))
        #expect(await detail(file("a.zip", "PK\u{3}\u{4}")).hasPrefix("'a.zip': not a zip archive"))
        #expect(await detail(file("page", "<!DOCTYPE html><html><body>none</body>")).contains("'page': these are no"))
        let checkpoint = Samples.part("features", file: "m.pth", try Samples.fixture("torch/plain.pth"))
        #expect(await detail(checkpoint).hasPrefix("'m.pth': these are no features but a PyTorch checkpoint"))
        let nested = SampleZip([("in.npz", try Samples.fixture("zip/batch.npz"))]).bytes
        #expect(await detail(Samples.part("x", file: "out.zip", nested)).hasPrefix("'out.zip/in.npz': the entry is a"))
        #expect(await detail(Samples.part("note", [UInt8](repeating: 65, count: 70_000))).contains("'note' is longer"))
    }

    @Test("more files than the limit are refused, and so are more numbers than the limit together")
    func limits() async throws {
        let form = Samples.form(Self.one, Self.two, Self.three)
        let many = await Samples.problem(form, limits: ArrayLimits(maxMatrices: 2))
        #expect(many?.fault == .tooLarge && many?.description.contains("3 files") == true, "\(many?.description ?? "")")
        let large = await Samples.problem(form, limits: ArrayLimits(maxElements: 14))
        #expect(large?.fault == .tooLarge && large?.description.hasPrefix("'nights/cam8.npy': with it") == true)
        #expect(try await Samples.read(form, limits: ArrayLimits(maxElements: 18, maxMatrices: 3)).matrices.count == 3)
        let inside = Samples.part("z", file: "z.zip", try Samples.fixture("zip/batch.npz"))
        let both = await Samples.problem(Samples.form(Self.one, inside), limits: ArrayLimits(maxMatrices: 2))
        #expect(
            both?.description == "'z.zip/cam8.npy': with it there are 3 matrices or more; at most 2 are taken at once")
    }

    @Test("as many files as may be sent are taken")
    func thousand() async throws {
        let part = Samples.part("features", file: "cam.f32", [UInt8](repeating: 0, count: 12))
        let body = Array(repeatElement(part, count: 1_000).joined())
        let upload = try await Samples.read(body + Samples.form(Self.fps))
        #expect(upload.matrices.count == 1_000 && Set(upload.names).count == 1_000)
        #expect(await Samples.problem(body + part + Samples.form())?.description.contains("1001 files") == true)
    }

    @Test("what can't be scored is told with the matrix's name")
    func featureErrors() {
        let error = FeatureError.notFinite(row: 17, column: 3, value: .nan)
        let named = ScoringError.features(error, file: "cam7.npy", models: []).description
        #expect(named.hasPrefix("'cam7.npy': column 3 of row 17 is NaN"))
        #expect(ScoringError.features(error, file: nil, models: []).description == error.description)
    }
}
