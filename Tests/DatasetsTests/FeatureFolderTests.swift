import Formats
import Foundation
import Platform
import TestSupport
import Testing

@testable import Datasets

@Suite("Folders of features")
struct FeatureFolderTests {
    private let scratch: ScratchFolder

    init() throws { scratch = try ScratchFolder() }

    private func write(_ name: String, rows: Int = 3, width: Int = 4, _ change: (inout [Float]) -> Void = { _ in })
        throws
    {
        var values = (0..<rows * width).map { Float($0 + 1) }
        change(&values)
        let folder = URL(filePath: "\(scratch.path)/\(name)").deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        _ = try scratch.write(NPYWriter.encode(values, rows: rows, columns: width), to: name)
    }

    private func audit(
        _ rows: String, width: Int? = 4, for purpose: FeatureAudit.Purpose = .testing, isThorough: Bool = false
    ) throws -> FeatureAudit {
        let list = try VideoList(text("path,label\n\(rows)"))
        let spelling = LabelSpelling(classes: ["normal", "fall"])
        return try FeatureAudit(
            list, classes: list.classes(spelling), spelling: spelling, in: FeatureFolder(path: scratch.path),
            width: width,
            for: purpose, isThorough: isThorough)
    }

    @Test("a list's file is found by the longest end of its path that is there")
    func finds() throws {
        try write("Abuse/a__0.npy")
        try write("a__0.npy")
        try write("b.npy")
        let folder = try FeatureFolder(path: scratch.path)
        #expect(folder.file("/home/someone/UCFClipFeatures/Abuse/a__0.npy") == "\(scratch.path)/Abuse/a__0.npy")
        #expect(folder.file("D:\\features\\b.npy") == "\(scratch.path)/b.npy")
        #expect(folder.file("Arson/a__0.npy") == "\(scratch.path)/a__0.npy")
        #expect(folder.file("c.npy") == nil)
        #expect(folder.file("Abuse") == nil, "a folder is no feature file")
    }

    @Test("nothing outside the folder is found by a path that goes up")
    func staysInside() throws {
        try write("inside/a.npy")
        try write("b.npy")
        let folder = try FeatureFolder(path: scratch.path + "/inside")
        #expect(folder.file("x/../../b.npy") == nil)
        #expect(folder.file("../inside/../a.npy") == "\(scratch.path)/inside/a.npy")
        #expect(folder.file("..") == nil && folder.file("") == nil)
    }

    @Test("missing files are counted, and the first is named")
    func missing() throws {
        try write("a.npy")
        let list = try VideoList(text("path,label\na.npy,fall\nb.npy,fall\nc.npy,fall\n"))
        let error = failure(of: DatasetError.self) { _ = try FeatureFolder(path: scratch.path).files(of: list) }
        #expect(error?.kind == .noInput)
        #expect(error?.description.contains("2 of the 3 feature files") == true)
        #expect(error?.description.contains("line 3's, 'b.npy'") == true)
        #expect(
            failure(of: DatasetError.self) { _ = try FeatureFolder(path: scratch.path + "/none") }?.kind == .noInput)
        #expect(
            failure(of: DatasetError.self) { _ = try FeatureFolder(path: scratch.path + "/a.npy") }?.kind == .noInput)
    }

    @Test("a list without faults has none, and its files' snippets are known")
    func sound() throws {
        try write("a.npy", rows: 3)
        try write("b.npy", rows: 5)
        let audit = try audit("a.npy,normal\nb.npy,fall\n", isThorough: true)
        #expect(audit.errors == [])
        #expect(audit.snippets == [3, 5])
        try audit.check()
    }

    @Test("a test list with several crops of a video is refused, a training list with them is not")
    func crops() throws {
        for crop in 0..<2 { try write("a__\(crop).npy") }
        try write("b__0.npy")
        let rows = "a__0.npy,fall\na__1.npy,fall\nb__0.npy,normal\n"
        let error = failure(of: DatasetError.self) { try audit(rows).check() }
        #expect(error?.description.contains("names up to 2 crops of a video (3 rows of 2 videos)") == true)
        #expect(try audit(rows, for: .training).errors == [])
        #expect(try audit("a__0.npy,fall\na__0.npy,fall\nb__0.npy,normal\n", for: .training).errors.count == 1)
    }

    @Test("a class without videos stops training, and is doubtful in a test")
    func emptyClass() throws {
        try write("a.npy")
        #expect(
            try audit("a.npy,normal\n", for: .training).errors.map(\.description) == [
                "no video of the training list has the class fall: nothing can be learned of it"
            ])
        let test = try audit("a.npy,normal\n")
        #expect(test.errors == [] && test.findings.count == 1)
    }

    @Test("features of another width, of another shape or of none are named")
    func headers() throws {
        try write("a.npy")
        try write("b.npy", width: 5)
        _ = try scratch.write(Array("no array".utf8), to: "c.npy")
        let audit = try audit("a.npy,normal\nb.npy,fall\nc.npy,fall\n")
        #expect(audit.snippets == [3, nil, nil])
        #expect(
            audit.errors.map(\.description) == [
                "\(scratch.path)/b.npy (line 3) has shape [3, 5]: expected [T, 4]; and 1 more files are wrong"
            ])
        #expect(try self.audit("a.npy,normal\nb.npy,fall\n", width: nil).errors.count == 1, "all must be of one width")
    }

    @Test("what is not finite is found where the features are read")
    func notFinite() throws {
        try write("a.npy")
        try write("b.npy") { $0[6] = .nan }
        #expect(try audit("a.npy,normal\nb.npy,fall\n").errors == [])
        let errors = try audit("a.npy,normal\nb.npy,fall\n", isThorough: true).errors
        #expect(
            errors.map(\.description) == ["\(scratch.path)/b.npy: column 2 of row 1 is NaN: expected finite numbers"])
    }
}
