import Datasets
import Formats
import Foundation
import TestSupport
import Testing
import VadCLIP

@testable import Evaluation

@Suite("Test sets")
struct TestSetTests {
    private let scratch: ScratchFolder
    private static let spelling = LabelSpelling(classes: ["normal", "fall"])

    init() throws { scratch = try ScratchFolder() }

    private func file(_ text: String) throws -> TextFile { try TextFile(path: "some.csv", bytes: Array(text.utf8)) }

    private func set(_ rows: String, _ intervals: String, crop: Int? = nil) throws -> TestSet {
        try TestSet(
            VideoList(file("path,label\n\(rows)")),
            annotations: Annotations(file("video,label,start,end\n\(intervals)"), spelling: Self.spelling),
            spelling: Self.spelling, crop: crop)
    }

    private func logits(_ name: String, _ values: [Float], columns: Int = 3) throws {
        _ = try scratch.write(NPYWriter.encode(values, rows: values.count / columns, columns: columns), to: name)
    }

    @Test("a video's annotations are found by its name, and its logits too")
    func joins() throws {
        let set = try set("x/a__5.npy,fall\nx/b__5.npy,normal\n", "a.mp4,fall,16,32\n")
        #expect(set.videos.map(\.name) == ["a", "b"])
        #expect(set.videos[0].intervals == [AnnotatedInterval(label: 1, frames: 16..<32)])
        #expect(set.notes == [])
        try set.findings.check()
        try logits("a.npy", [0, 2, 0, 1, 0, 2])
        try logits("b__5.npy", [-1, 0, 0])
        for threads in [1, 2, 8] {
            let videos = try set.evaluated(logits: FeatureFolder(path: scratch.path), threads: threads)
            #expect(videos.map(\.name) == ["a", "b"])
            #expect(videos[0].coarse[0] == 0.5 && videos[0].positives == [0, 16] && videos[1].isNormal)
            #expect(videos[0].fine[0] > 0.8 && videos[0].fine[3] > 0.8)
        }
    }

    @Test("what is doubtful about list and annotations is said")
    func notes() throws {
        let set = try set(
            "a.npy,fall\nb.npy,normal\nc.npy,fall\nd.npy,fall\n", "b,fall,1,2\nc,fall,1,2\ne,fall,1,2\nf,normal,,\n")
        #expect(
            set.notes == [
                "2 videos, 'a' first, are abnormal by their labels and have no annotated interval: all their frames count as normal",
                "'b' is normal by its label and has annotated intervals, which are left out",
                "2 videos, 'e' first, are annotated and not in the list",
                "3 of the 3 intervals of some.csv are shorter than a snippet of 16 frames: are these seconds? --seconds reads "
                    + "them so",
            ])
        #expect(set.videos[1].intervals == [])
        let spelling = LabelSpelling(classes: ["normal", "fall", "fire"])
        let other = try TestSet(
            VideoList(file("path,label\na.npy,fall\n")),
            annotations: Annotations(file("video,label,start,end\na,fire,1,20\n"), spelling: spelling),
            spelling: spelling)
        #expect(other.notes == ["'a' has an annotated interval of a class that its label does not name"])
    }

    @Test("a list of several crops is refused, and one of them can be chosen")
    func crops() throws {
        let rows = "a__0.npy,fall\na__1.npy,fall\nb__0.npy,normal\nb__1.npy,normal\n"
        let error = failure(of: DatasetError.self) { try set(rows, "a,fall,1,2\n").findings.check() }
        #expect(error?.description.contains("up to 2 crops of a video (4 rows of 2 videos)") == true)
        try set(rows, "a,fall,1,2\n", crop: 1).findings.check()
    }

    @Test("logits that are missing, of another shape or not finite are named")
    func refused() throws {
        let set = try set("a.npy,fall\nb.npy,normal\n", "a,fall,0,16\n")
        try logits("a.npy", [0, 0, 0])
        func told() throws -> DatasetError? {
            let folder = try FeatureFolder(path: scratch.path)
            return failure(of: DatasetError.self) { _ = try set.evaluated(logits: folder, threads: 2) }
        }
        #expect(try told()?.kind == .noInput)
        #expect(try told()?.description.contains("no logits of 'b' (line 3 of the list): expected 'b.npy'") == true)
        try logits("b.npy", [0, 0], columns: 2)
        #expect(try told()?.description.contains("b.npy has shape [1, 2]: expected [T, 3]") == true)
        try logits("b.npy", [0, 0, 0, 0, .infinity, 0])
        #expect(try told()?.description.contains("b.npy: a logit of snippet 1 is not finite") == true)
        _ = try scratch.write(Array("no array".utf8), to: "b.npy")
        #expect(try told()?.kind == .badData)
    }

    @Test("intervals behind a video's end, or far past it, are doubtful: its frames may be counted otherwise")
    func doubts() {
        let sound = Videos.make("a", coarse: [0, 1], truth: [16..<90])
        let other = Videos.make("b", coarse: [0, 1], truth: [0..<16, 32..<48, 900..<950])
        func doubts(_ videos: [EvaluatedVideo]) -> [String] {
            Evaluation(videos, classes: Videos.names(2), normalTruth: true).doubts
        }
        #expect(doubts([sound]) == [])
        #expect(doubts([sound, other]).count == 1)
        #expect(
            doubts([sound, other]).first?.hasPrefix(
                "an annotated interval of 'b' begins at frame 32, and the video has 32: annotations") == true)
        #expect(doubts([sound, other]).first?.hasSuffix("; and 1 more like it") == true)
        let long = Videos.make("c", coarse: [0, 1], truth: [16..<500])
        #expect(
            doubts([sound, long]).first?.hasPrefix(
                "an annotated interval of 'c' ends at frame 500, and the video has 32") == true)
    }

    @Test(
        "intervals that are all in the first sixteenth of their videos are doubtful: rows or numbers may be of frames")
    func early() {
        func videos(_ ends: [Int]) -> [(name: String, intervals: [AnnotatedInterval], frames: Int)] {
            [("normal", [], 1_600)] + ends.map { ("a", [AnnotatedInterval(label: 1, frames: 5..<$0)], 1_600) }
        }
        #expect(TestSet.doubts(videos([20, 90, 100])).first?.description.contains("a row for each frame") == true)
        #expect(TestSet.doubts(videos([20, 90, 101])) == [])
        #expect(TestSet.doubts(videos([20, 90])) == [], "two may be so by chance")
    }

    @Test("logits that are probabilities, or have a row for each frame, are doubtful")
    func logitsLook() {
        func doubts(_ videos: [(coarse: Float, fine: [Float])]...) -> [String] {
            var look = LogitsLook()
            for rows in videos {
                look.see(
                    Logits(
                        snippets: rows.count, classes: 2, coarse: rows.map(\.coarse), fine: rows.flatMap(\.fine)))
            }
            return look.doubts
        }
        #expect(doubts([(0.2, [0.7, 0.3]), (0.9, [0.1, 0.9])]).first?.contains("look like probabilities") == true)
        #expect(doubts([(0.2, [0.7, 0.3])], [(-0.9, [0.1, 0.9])]) == [])
        #expect(doubts([(0.2, [0.7, 0.4])]) == [], "few rows may be so by chance")
        let rows = (0..<80).map { (coarse: Float($0) / 80, fine: [Float(0.5), 0.1]) }
        #expect(doubts(rows).first?.contains("all from 0 to 1") == true && doubts(rows).count == 1)
        let repeated = (0..<40).map { (coarse: Float($0 / 16) - 1, fine: [Float($0 / 16), 3]) }
        #expect(doubts(repeated).first?.contains("is there 16 times") == true)
        #expect(doubts(repeated, [(1, [2, 3]), (4, [5, 6])]) == [])
        #expect(doubts(Array(repeated.prefix(16))) == [] && doubts() == [])
    }

    @Test("each file of logits that is missing or unfit is told, and the snippets of the others are known")
    func audit() throws {
        let set = try set("a.npy,fall\nb.npy,normal\nc.npy,fall\nd.npy,fall\n", "a,fall,0,16\nd,fall,20,30\n")
        try logits("b.npy", [0, 0], columns: 2)
        try logits("c.npy", [0, 0, .nan])
        try logits("d.npy", [0, 0, 0])
        let (findings, snippets) = set.list.audit(logits: try FeatureFolder(path: scratch.path), classes: 2)
        #expect(findings.map(\.error) == [.noInput, .badData] && findings.map(\.count) == [1, 2])
        #expect(findings[0].description.contains("no logits of 'a'"))
        #expect(snippets == [nil, nil, nil, 1])
        #expect(set.doubts(snippets: snippets).first?.description.contains("'d' begins at frame 20") == true)
        #expect(set.doubts(snippets: [nil, nil, nil, 2]) == [])
    }
}
