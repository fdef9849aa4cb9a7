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
        _ rows: String, width: Int? = 4, for purpose: ListPurpose = .testing, isThorough: Bool = false
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

    @Test("missing files are counted, the first is told, and each of them is a case")
    func missing() throws {
        try write("a.npy")
        let error = failure(of: DatasetError.self) { try audit("a.npy,normal\nb.npy,fall\nc.npy,fall\n").check() }
        #expect(error?.kind == .noInput)
        #expect(error?.description.contains("2 of the 3 feature files") == true)
        #expect(error?.description.contains("line 3's, 'b.npy'") == true)
        #expect(error?.count == 2)
        #expect(error?.cases.last == "line 4: 'c.npy' is not in \(scratch.path)")
        let none = failure(of: DatasetError.self) { _ = try FeatureFolder(path: scratch.path + "/none") }
        #expect(none?.kind == .noInput && none?.description.hasSuffix("/none: no such folder") == true)
        #expect(
            failure(of: DatasetError.self) { _ = try FeatureFolder(path: scratch.path + "/a.npy") }?.kind == .noInput)
    }

    @Test("a missing file's name with another ending is told, and what to do")
    func otherEndings() throws {
        try write("a.npy")
        try write("b__0.npy")
        _ = try scratch.write([1], to: "c.npz")
        let folder = try FeatureFolder(path: scratch.path)
        #expect(folder.hint(for: "clips/a.mp4")?.contains("ends in .npy is there; name it so") == true)
        #expect(folder.hint(for: "a")?.contains("ends in .npy") == true)
        #expect(folder.hint(for: "b.npy")?.contains("ends in __0.npy") == true)
        #expect(folder.hint(for: "c.npy")?.contains("ends in .npz is there; expected .npy files") == true)
        #expect(folder.hint(for: "d.npy") == nil)
        let error = failure(of: DatasetError.self) { try audit("a.mp4,normal\nb.mp4,fall\n").check() }
        #expect(error?.description.contains("'a.mp4': a file of that name that ends in .npy is there") == true)
        #expect(error?.cases.first?.contains("in .npy is there") == true)
    }

    @Test("a file's shape is explained as the feature report explains it")
    func shapes() throws {
        func told(_ shape: [Int], width: Int?, _ source: FeatureAudit.WidthSource = .model) throws -> String {
            let count = shape.reduce(1, *)
            let sides = shape.map { "\($0)," }.joined(separator: " ")
            let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(sides)), }\n"
            let bytes = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8)
            _ = try scratch.write(bytes + [UInt8](repeating: 0, count: 4 * count), to: "a.npy")
            let list = try VideoList(text("path,label\na.npy,normal\n"))
            let audit = try FeatureAudit(
                list, classes: [[0]], spelling: LabelSpelling(classes: ["normal", "fall"]),
                in: FeatureFolder(path: scratch.path), width: width, of: source, for: .training)
            return audit.findings.map(\.description).joined(separator: "\n")
        }
        #expect(try told([3, 10, 512], width: 512).contains("ten crops of each snippet"))
        #expect(try told([3, 10, 512], width: 512).contains("NAME__0.npy to NAME__9.npy"))
        #expect(try told([10, 3, 512], width: nil).contains("ten crops of each snippet"))
        #expect(try told([512, 3], width: 512).contains("looks transposed"))
        #expect(try told([512, 3], width: nil).contains("looks transposed"))
        #expect(try told([512, 2048], width: nil).contains("ResNet-50"))
        #expect(try told([40], width: nil).contains("expected two dimensions, [T, 512]"))
        #expect(try told([3, 768], width: 512).contains("CLIP ViT-L/14"))
        #expect(try told([3, 768], width: nil).contains("CLIP ViT-L/14"))
        #expect(try told([3, 512], width: 64).contains("another one is named by --model"))
        #expect(try told([3, 512], width: 64, .textTower).contains("CLIP's text tower has it (--clip)"))
        for width in [512, 64, nil] { #expect(try !told([3, width ?? 512], width: width).contains("wide")) }
    }

    @Test("a file that the system does not let anyone look at is not missing: the reason is told")
    func refusedByTheSystem() throws {
        try write("a.npy")
        try FileManager.default.createSymbolicLink(
            atPath: "\(scratch.path)/loop.npy", withDestinationPath: "\(scratch.path)/loop.npy")
        try FileManager.default.createDirectory(atPath: "\(scratch.path)/b.npy", withIntermediateDirectories: true)
        let errors = try audit("a.npy,normal\nx/loop.npy,fall\nb.npy,fall\n").errors
        #expect(errors.count == 1 && errors.first?.error == .noInput && errors.first?.count == 2)
        #expect(
            errors.first?.cases == [
                "\(scratch.path)/loop.npy cannot be opened: \(errnoText(ELOOP)) (line 3)",
                "\(scratch.path)/b.npy is a directory, not a regular file (line 4)",
            ])
    }

    @Test(
        "a file that can't be opened or read is not one without an array: the reason is told",
        .enabled(if: access("/sys/devices/system/cpu/online", R_OK) == 0, "needs a file of the system that ends early"))
    func unreadable() throws {
        try write("a.npy")
        try FileManager.default.createSymbolicLink(
            atPath: "\(scratch.path)/b.npy", withDestinationPath: "/sys/devices/system/cpu/online")
        let errors = try audit("a.npy,normal\nb.npy,fall\n").errors
        #expect(errors.map(\.error) == [.noInput])
        #expect(errors.first?.description.contains("cannot read \(scratch.path)/b.npy: it ends after") == true)
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
                "\(scratch.path)/b.npy: rows are 5 wide: expected 4 (line 3); and 1 more like it"
            ])
        #expect(audit.errors.first?.cases.last?.contains("c.npy: it is no .npy") == true)
        #expect(try self.audit("a.npy,normal\nb.npy,fall\n", width: nil).errors.count == 1, "all must be of one width")
    }

    @Test("a file that is cut short, of integers, or longer than its shape is found by its header and length")
    func lengths() throws {
        try write("a.npy")
        let whole = NPYWriter.encode([Float](repeating: 1, count: 12), rows: 3, columns: 4)
        _ = try scratch.write(Array(whole.dropLast(5)), to: "short.npy")
        _ = try scratch.write(whole + [0], to: "long.npy")
        _ = try scratch.write(Array(whole.prefix(70)), to: "head.npy")
        let integers = String(decoding: whole.prefix(128).dropFirst(10), as: UTF8.self)
            .replacingOccurrences(of: "<f4", with: "<i4")
        _ = try scratch.write(
            Array(whole.prefix(10)) + Array(integers.utf8) + Array(whole.dropFirst(128)), to: "int.npy")
        let cases = try audit("a.npy,normal\nshort.npy,fall\nlong.npy,fall\nhead.npy,fall\nint.npy,fall\n").errors
            .flatMap(\.cases)
        for (told, reason) in zip(
            cases, ["5 bytes less", "bytes follow the .npy data", "header ends after", "integers"])
        {
            #expect(told.contains(reason), "\(told)")
        }
        #expect(cases.count == 4)
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
