import Formats
import Testing

@testable import Scoring

/// What stands beside the features in JSON, and files where a value belongs.
@Suite("Parameters that come with an upload's files")
struct UploadParameterTests {
    private typealias Samples = UploadSamples

    private static let rows = #"{"features": [[1, 2, 3]], "fps": 25, "treshold": 1}"#
    private static let plain = #"{"features": [[1, 2, 3]]}"#
    private static let members = [
        Parameter("fps", .json(.number("25"))), Parameter("treshold", .json(.number("1"))),
    ]

    private static func file(_ name: String, _ text: String = rows, field: String = "features") -> [UInt8] {
        Samples.part(field, file: name, Array(text.utf8))
    }

    private static func zip(_ files: (String, String)...) -> [UInt8] {
        SampleZip(files.map { ($0.0, Array($0.1.utf8)) }).bytes
    }

    @Test("the only file's are parameters, wherever it stands")
    func alone() async throws {
        let text = Array(Self.rows.utf8)
        let form = try await Samples.read(Samples.form(Self.file("a.json")))
        let typed = try await Samples.read(
            Samples.form(Samples.part("features", type: "application/json", text)))
        let body = try await Samples.read(text, as: .file(.json))
        let archive = try await Samples.read(Self.zip(("a.json", Self.rows)), as: .file(.zip))
        let inForm = try await Samples.read(
            Samples.form(Samples.part("features", file: "a.zip", Self.zip(("a.json", Self.rows)))))
        for upload in [form, typed, body, archive, inForm] {
            #expect(upload.parameters == Self.members && upload.matrices.count == 1)
            #expect(upload.matrices[0].notes.isEmpty)
        }
        let beside = try await Samples.read(Samples.form(Samples.part("logits", [0x31]), Self.file("a.json")))
        #expect(Set(beside.parameters.map(\.name)) == ["logits", "fps", "treshold"])
    }

    @Test("those of one of several files are none, and it is said")
    func several() async throws {
        let batches = [
            try await Samples.read(Samples.form(Self.file("a.json"), Self.file("b.json", Self.plain))),
            try await Samples.read(Self.zip(("a.json", Self.rows), ("b.json", Self.plain)), as: .file(.zip)),
        ]
        for upload in batches {
            #expect(upload.isBatch && upload.parameters.isEmpty && upload.names == ["a", "b"])
            let notes = upload.matrices[0].notes.joined()
            #expect(notes.contains("'fps'") && notes.contains("'treshold'") && notes.contains("batch"), "\(notes)")
            #expect(upload.matrices[1].notes.isEmpty)
        }
    }

    @Test("more of them than parameters are is an error of the only file, and a note of one of several")
    func tooMany() async throws {
        let long = #"{"features": [[1, 2, 3]], "times": "\#(String(repeating: "7", count: 70_000))", "fps": 25}"#
        let alone = await Samples.problem(Samples.form(Self.file("a.json", long)))
        #expect(
            alone?.fault == .unfit && alone?.description.contains("'times'") == true, "\(alone?.description ?? "none")")
        let two = try await Samples.read(Samples.form(Self.file("a.json", long), Self.file("b.json", Self.plain)))
        #expect(two.matrices[0].notes.joined().contains("'times'"))
    }

    @Test("a file under a parameter's name is refused, and it is said where features go")
    func fileForParameter() async throws {
        let features = Samples.part("features", file: "x.npy", Samples.npy(rows: 2))
        for name in ScoreOptions.names {
            let part = Samples.part(name, file: "y.npy", Samples.npy(rows: 1))
            for form in [Samples.form(features, part), Samples.form(part)] {
                let problem = await Samples.problem(form)
                guard case .parameter(let error)? = problem else {
                    Issue.record("\(problem?.description ?? "no problem")")
                    continue
                }
                #expect(error.name == name && error.description.hasPrefix("\(name): "))
                #expect(error.problem.contains("'y.npy'") && error.problem.contains("'features'"))
            }
        }
    }

    @Test("a file whose field is nearly 'features' is taken, and told; other names are anybody's")
    func misspelt() async throws {
        for (field, isTold) in [("feature", true), ("Features", true), ("fetaures", true), ("cam1", false)] {
            let upload = try await Samples.read(
                Samples.form(Samples.part(field, file: "x.npy", Samples.npy(rows: 2))))
            let notes = upload.matrices[0].notes.joined()
            #expect(notes.contains("'\(field)'") == isTold && notes.contains("'features'") == isTold, "\(notes)")
        }
    }

    @Test("features in the query, or in a field that is nearly 'features', are told where they go")
    func inThePlaceOfAParameter() {
        for name in ["features", "feature", "Features"] {
            let error = #expect(throws: OptionError.self) { try ScoreOptions([Parameter(name, .text("x.npy"))]) }
            #expect(error?.problem.contains("-F features=@") == true, "\(error?.description ?? "none")")
        }
    }

    @Test("advice in a form is for forms, and elsewhere for bodies")
    func advice() async throws {
        func detail(_ parts: [UInt8]) async -> String {
            await Samples.problem(Samples.form(parts))?.description ?? "none"
        }
        let text = await detail(Samples.part("features", Array(Self.plain.utf8)))
        #expect(text.contains("-F features=@a.json") && text.contains("type=application/json"), "\(text)")
        let packed = await detail(Samples.part("features", file: "x.npy.gz", [0x1F, 0x8B, 8, 0] + [UInt8](0...60)))
        #expect(packed.contains("gzip") && packed.contains("part of a form"), "\(packed)")
        let body = await Samples.problem(Array(Self.plain.utf8), as: .file(.bytes))?.description ?? "none"
        #expect(!body.contains("-F") && body.contains("Content-Type application/json"), "\(body)")
        let form = await Samples.problem([0x1F, 0x8B, 8, 0] + [UInt8](0...60), as: .file(.npy))?.description ?? "none"
        #expect(form.contains("Content-Encoding: gzip") && !form.contains("part of a form"), "\(form)")
    }

    @Test("frames a second beside features are given by a parameter over HTTP")
    func framesASecond() async throws {
        let scalar = NPYWriter.encode([25], rows: 1, columns: 1)
        let one = SampleZip([("features.npy", Samples.npy(rows: 2)), ("fps.npy", scalar)])
        let notes = try await Samples.read(one.bytes, as: .file(.zip)).matrices[0].notes.joined()
        #expect(notes.contains("the parameter fps") && !notes.contains("option"), "\(notes)")
    }
}
