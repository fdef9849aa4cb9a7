import Datasets
import Formats
import JSON
import Tensors
import TestSupport
import Testing
import VadCLIP

@testable import Training

@Suite("A run's lists")
struct RunListsTests {
    private static let spelling = LabelSpelling(classes: ["normal", "fall"])

    /// Features of two snippets, whose first value is `score`; a list of them.
    private func list(_ videos: [(name: String, label: String, score: Float)], in folder: ScratchFolder) throws
        -> VideoList
    {
        var text = "path,label\n"
        for video in videos {
            let rows: [Float] = [video.score, 1, 2, 3, video.score, 1, 2, 3]
            _ = try folder.write(NPYWriter.encode(rows, rows: 2, columns: 4), to: video.name + ".npy")
            text += "\(video.name).npy,\(video.label)\n"
        }
        return try VideoList(path: folder.write(Array(text.utf8), to: "list.csv").path)
    }

    private func validation(
        _ list: VideoList, in folder: ScratchFolder, annotations: Annotations? = nil
    ) throws -> RunValidation {
        try RunValidation(
            list, annotations: annotations, spelling: Self.spelling, in: FeatureFolder(path: folder.path), width: 4,
            normalTruth: false, isThorough: true)
    }

    /// Coarse logits are the first values of the rows.
    private func score(_ videos: [Matrix]) -> [Logits] {
        videos.map { video in
            Logits(
                snippets: video.rows, classes: 2, coarse: (0..<video.rows).map { video[$0, 0] },
                fine: [Float](repeating: 0, count: 2 * video.rows))
        }
    }

    @Test("whole videos are ranked by their labels where no frame is annotated; a tie counts half")
    func wholeVideos() throws {
        let folder = try ScratchFolder()
        let list = try list(
            [("a", "normal", 0), ("b", "fall", 1), ("c", "normal", 2), ("d", "fall", 2)], in: folder)
        let validation = try validation(list, in: folder)
        let figures = validation.figures(of: try validation.evaluated(score))
        // b beats a and loses to c; d beats a and is even with c.
        #expect(figures == [.aucVideo: 2.5 / 4])
        #expect(validation.has(.aucVideo) && !validation.has(.aucCoarse))
    }

    @Test("annotated frames give all figures")
    func frames() throws {
        let folder = try ScratchFolder()
        let list = try list([("a", "normal", 0), ("b", "fall", 1)], in: folder)
        let table = try folder.write(Array("video,label,start,end\nb,fall,0,32\n".utf8), to: "truth.csv")
        let annotations = try Annotations(path: table.path, spelling: Self.spelling)
        let validation = try validation(list, in: folder, annotations: annotations)
        let figures = validation.figures(of: try validation.evaluated(score))
        #expect(figures[.aucCoarse] == 1 && figures[.apCoarse] == 1 && figures[.aucVideo] == 1)
        #expect(figures[.aucFine] == 0.5, "fine scores that are all the same")
    }

    @Test("a validation by other intervals, read otherwise, or with other normal truth, is another")
    func remembered() throws {
        let folder = try ScratchFolder()
        let list = try list([("a", "normal", 0), ("b", "fall", 1)], in: folder)
        func remembered(_ row: String, fps: Double? = nil, inSeconds: Bool = false, normalTruth: Bool = false) throws
            -> [UInt8]
        {
            let path = try folder.write(Array("video,label,start,end\n\(row)\n".utf8), to: "truth.csv").path
            let annotations = try Annotations(
                path: path, spelling: Self.spelling, framesPerSecond: fps, inSeconds: inSeconds)
            let validation = try RunValidation(
                list, annotations: annotations, spelling: Self.spelling, in: FeatureFolder(path: folder.path), width: 4,
                normalTruth: normalTruth, isThorough: false)
            return JSONWriter.document { json in json.object { validation.write(to: &$0) } }
        }
        let all = [
            try remembered("b,fall,0,16"), try remembered("b,fall,0,32"), try remembered("b,fall,0,16", fps: 25),
            try remembered("b,fall,0,16", fps: 30), try remembered("b,fall,0,16", fps: 30, inSeconds: true),
            try remembered("b,fall,0,16", normalTruth: true),
        ]
        #expect(Set(all).count == all.count)
        #expect(try remembered("b,fall,0,16") == all[0])
    }

    @Test("feature files of other names or sizes are others, and a folder that was moved is not")
    func features() throws {
        let (folder, moved) = (try ScratchFolder(), try ScratchFolder())
        func digest(_ folder: ScratchFolder) throws -> String {
            let list = try list([("a", "normal", 0), ("b", "fall", 1)], in: folder)
            let (features, path) = (try FeatureFolder(path: folder.path), folder.path + "/b.npy")
            let before = try features.digest(of: [path])
            #expect(try before != features.digest(of: [folder.path + "/a.npy"]), "names")
            let data = try TrainingData(list, spelling: Self.spelling, in: features, width: 4, isThorough: false)
            _ = try folder.write(
                NPYWriter.encode([Float](repeating: 1, count: 12), rows: 3, columns: 4), to: "b.npy")
            #expect(try before != features.digest(of: [path]), "sizes")
            return data.featuresDigest
        }
        #expect(try digest(folder) == digest(moved))
    }

    @Test("annotations of none of the list's abnormal videos are refused, and those of some are told")
    func foreignAnnotations() throws {
        let folder = try ScratchFolder()
        let list = try list([("a", "normal", 0), ("b", "fall", 1), ("c", "fall", 1)], in: folder)
        func annotations(_ rows: String) throws -> Annotations {
            let path = try folder.write(Array("video,label,start,end\n\(rows)\n".utf8), to: "truth.csv").path
            return try Annotations(path: path, spelling: Self.spelling)
        }
        for rows in ["x,fall,0,32", "b,fall,,", "a,fall,0,32", "b,normal,0,32"] {
            #expect(throws: DataFaults.self, "\(rows)") {
                _ = try self.validation(list, in: folder, annotations: annotations(rows))
            }
        }
        let some = try validation(list, in: folder, annotations: annotations("b,fall,0,16"))
        #expect(some.notes.contains { $0.contains("'c'") && $0.contains("no annotated interval") }, "\(some.notes)")
    }

    @Test("videos that are in both lists are told")
    func both() throws {
        let folder = try ScratchFolder()
        let list = try list([("a", "normal", 0), ("b", "fall", 1)], in: folder)
        let training = try TrainingData(
            list, spelling: Self.spelling, in: FeatureFolder(path: folder.path), width: 4, isThorough: true)
        let note = training.note(of: try validation(list, in: folder))
        #expect(note?.contains("2 of the 2 videos") == true)
        #expect(training.isNormal == [true, false])
        let other = try ScratchFolder()
        let others = try self.list([("c", "normal", 0), ("d", "fall", 1)], in: other)
        #expect(training.note(of: try validation(others, in: other)) == nil)
    }

    @Test("all that is wrong with a training list is said at once")
    func faults() throws {
        let folder = try ScratchFolder()
        let list = try list([("a", "normal", .nan), ("b", "normal", 1)], in: folder)
        let error = failure(of: DataFaults.self) {
            _ = try TrainingData(
                list, spelling: Self.spelling, in: FeatureFolder(path: folder.path), width: 4, isThorough: true)
        }
        #expect(error?.faults.count == 2, "\(String(describing: error))")
        #expect(error?.description.contains("fall") == true, "a class without videos")
        #expect(error?.description.contains("a.npy") == true, "a value that is not finite")
        #expect(error?.isMissing == false)
    }

    @Test("a list without its files, and a validation without normal videos, are refused")
    func refused() throws {
        let folder = try ScratchFolder()
        let falls = try list([("a", "fall", 0), ("b", "fall", 1)], in: folder)
        #expect(throws: DataFaults.self) { try validation(falls, in: folder) }
        let empty = try ScratchFolder()
        let error = failure(of: DataFaults.self) { _ = try validation(falls, in: empty) }
        #expect(error?.isMissing == true)
    }

    @Test("what is wrong with both lists is told at once, and whether files are missing")
    func faultsOfBoth() throws {
        func fault(_ text: String, isMissing: Bool = false) -> () throws -> Int {
            { throw DataFaults([text], isMissing: isMissing) }
        }
        func found(_ one: () throws -> Int, _ other: () throws -> Int) -> DataFaults? {
            failure(of: DataFaults.self) { _ = try DataFaults.ofBoth(one, other) }
        }
        #expect(found(fault("a"), fault("b", isMissing: true)) == DataFaults(["a", "b"], isMissing: true))
        #expect(found(fault("a"), { throw DatasetError(.badData, "b") }) == DataFaults(["a", "b"]))
        #expect(found({ 1 }, fault("b")) == DataFaults(["b"]))
        #expect(try DataFaults.ofBoth({ 1 }, { 2 }) == (1, 2))
    }
}
