import Platform
import TestSupport
import Testing

@testable import Datasets

/// A text as a file that has it.
func text(_ text: String) throws -> TextFile { try TextFile(path: "some.csv", bytes: Array(text.utf8)) }

@Suite("Lists of videos")
struct ListTests {
    @Test("a row is a feature file and a label, whatever ends its line and whatever quotes are around it")
    func rows() throws {
        let plain = try VideoList(text("path,label\na/Abuse001_x264__5.npy,Abuse\n"))
        #expect(plain.rows == [VideoList.Row(line: 2, path: "a/Abuse001_x264__5.npy", label: "Abuse")])
        for same in [
            "\u{FEFF}path,label\r\na/Abuse001_x264__5.npy,Abuse\r\n", "path,label\ra/Abuse001_x264__5.npy,Abuse",
            "\"path\",\"label\"\n\"a/Abuse001_x264__5.npy\",\"Abuse\"",
            "Path, Label\na/Abuse001_x264__5.npy,Abuse\n\n",
        ] {
            #expect(try VideoList(text(same)).rows == plain.rows, "\(same)")
        }
        let other = try VideoList(text("label,fold,path\n\"fall;\"\"fire\"\"\",3,\"a,b.npy\"\n"))
        #expect(other.rows == [VideoList.Row(line: 2, path: "a,b.npy", label: "fall;\"fire\"")])
    }

    @Test(
        "what is no list is refused, and the line is named",
        arguments: [
            ("", "it is empty"), ("path,label\n", "the list has no video"), ("a.npy,Abuse\n", "expected path,label"),
            ("path,label\na.npy\n", "line 2: 1 fields: expected 2"),
            ("path,label\n\n,x\n", "line 3: the path is empty"),
            ("path,label\n\"a.npy,x\n", "line 2: a quote is opened and not closed"),
            ("path,label\n\"a\"b,x\n", "line 2: something follows a closing quote"),
            ("path,label\na\0,x\n", "byte 12 is zero"),
            ("path,label\n\(String(repeating: "a", count: 9_000)),x\n", "more than 8192 bytes"),
        ])
    func refused(content: String, reason: String) throws {
        let error = failure(of: DatasetError.self) { _ = try VideoList(text(content)) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "nothing was thrown")")
        #expect(error?.description.contains("some.csv") == true)
        #expect(error?.kind == .badData)
    }

    @Test("bytes that are no UTF-8 are refused")
    func noText() {
        #expect(throws: DatasetError.self) { try TextFile(path: "some.csv", bytes: [0x70, 0xFF]) }
    }

    @Test("a damaged list is read or refused, and nothing else happens")
    func mutations() {
        let bytes = Array("path,label\r\na/Abuse001_x264__5.npy,\"Abuse;x\"\r\n\"b,\"\"c\",Normal\n".utf8)
        var random = SeededRandom(seed: 20)
        var refused = 0
        for _ in 0..<2_000 {
            do throws(DatasetError) {
                _ = try VideoList(TextFile(path: "damaged.csv", bytes: mutate(bytes, using: &random)))
            } catch {
                refused += 1
                #expect(error.description.contains("damaged.csv"))
            }
        }
        #expect(refused > 100)
    }

    @Test(
        "a path says which video it is, and which crop",
        arguments: [
            ("/home/x/UCFClipFeatures/Abuse/Abuse001_x264__0.npy", "Abuse001_x264", 0),
            (
                "Bad.Boys.1995__#01-11-55_01-12-40_label_G-B2-B6__9.npy",
                "Bad.Boys.1995__#01-11-55_01-12-40_label_G-B2-B6", 9
            ),
            ("v=U6MC8JJJZSY__#1_label_G-0-0.mp4", "v=U6MC8JJJZSY__#1_label_G-0-0", nil),
            ("C:\\clips\\door.NPY", "door", nil),
            ("clip_3.npy", "clip_3", nil), ("a.b", "a.b", nil), (".npy", ".npy", nil), ("__5.npy", "__5", nil),
        ] as [(String, String, Int?)])
    func names(path: String, name: String, crop: Int?) {
        #expect(VideoName(path: path).name == name)
        #expect(VideoName(path: path).crop == crop)
    }

    @Test(
        "labels are found by either spelling, in any case, joined by semicolons, and in XD-Violence by dashes",
        arguments: [
            (LabelSpelling.ucfCrime, "RoadAccidents", [8]), (.ucfCrime, "normal", [0]),
            (.ucfCrime, "roadaccidents;Abuse", [1, 8]),
            (.xdViolence, "A", [0]), (.xdViolence, "B2-0-0", [2]), (.xdViolence, "B1-B6-G", [1, 5, 6]),
            (.xdViolence, "G", [6]),
            (.xdViolence, "car accident; fighting", [1, 5]),
            (LabelSpelling(classes: ["calm", "left bag"]), " LEFT BAG ", [1]),
        ])
    func labels(spelling: LabelSpelling, label: String, classes: [Int]) throws {
        #expect(try spelling.indexes(in: label) == classes)
    }

    @Test(
        "a label that is none is refused, and so is a normal video with another class",
        arguments: [
            (LabelSpelling.ucfCrime, "B1-0-0", "'B1-0-0' is none of Normal, Abuse"),
            (.ucfCrime, "", "the label is empty"),
            (.ucfCrime, "Normal;Abuse", "another class"), (.xdViolence, "B3-0-0", "'B3' is none of A, B1"),
            (.xdViolence, "0-0-0", "'0-0-0' is none of"), (.ucfCrime, "Road-Accidents", "is none of"),
        ])
    func noLabels(spelling: LabelSpelling, label: String, reason: String) {
        let error = failure(of: LabelSpelling.Problem.self) { _ = try spelling.indexes(in: label) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "nothing was thrown")")
    }

    @Test("the classes of one's own list are normal, then the others by the alphabet")
    func ownClasses() throws {
        let list = try VideoList(text("path,label\na.npy,tailgating\nb.npy,Normal\nc.npy,fall;loitering\n"))
        #expect(try LabelSpelling.own(of: [list]).classes == ["Normal", "fall", "loitering", "tailgating"])
        let abnormal = try VideoList(text("path,label\na.npy,fall\n"))
        #expect(throws: DatasetError.self) { try LabelSpelling.own(of: [abnormal]) }
    }

    @Test("a label in two cases is one class of one's own list, written as it is where it comes first")
    func ownCases() throws {
        let list = try VideoList(text("path,label\na.npy,rise\nb.npy,normal\nc.npy,Rise;Fall\nd.npy,NORMAL\n"))
        let spelling = try LabelSpelling.own(of: [list])
        #expect(spelling.classes == ["normal", "Fall", "rise"])
        #expect(try list.classes(spelling) == [[2], [0], [1, 2], [0]])
    }

    @Test("a summary counts videos once, whatever their crops")
    func summary() throws {
        let list = try VideoList(text("path,label\na__0.npy,Abuse\na__1.npy,Abuse\nb__0.npy,Normal\n"))
        let summary = ListSummary(list, classes: try list.classes(.ucfCrime), spelling: .ucfCrime)
        #expect(summary.rows == 3 && summary.videos == 2 && summary.crops == [0, 1] && summary.mostRowsOfAVideo == 2)
        #expect(summary.text.hasPrefix("2 videos in 3 rows (crops 0, 1): normal 1, abuse 1, arrest 0"))
        #expect(summary.emptyClasses.count == 12)
        #expect(try list.only(crop: 1).rows.map(\.path) == ["a__1.npy"])
        #expect(throws: DatasetError.self) { try list.only(crop: 5) }
    }

    @Test(
        "the published lists hold what the spec says", .enabled(if: Paths.shared != nil, "needs ../shared"),
        arguments: [
            (Benchmark.ucfCrime, 16_100, 1_610, 290), (Benchmark.xdViolence, 39_540, 3_954, 800),
        ])
    func published(benchmark: Benchmark, rows: Int, videos: Int, tested: Int) throws {
        let data = try #require(Paths.shared) + "/data"
        let training = try VideoList(path: Benchmark.file(benchmark.trainingLists, in: data))
        let summary = ListSummary(
            training, classes: try training.classes(benchmark.spelling), spelling: benchmark.spelling)
        #expect(summary.rows == rows && summary.videos == videos && summary.crops == Array(0...9))
        #expect(summary.emptyClasses == [])
        let test = try VideoList(path: Benchmark.file(benchmark.testLists, in: data))
        #expect(test.rows.count == tested)
        #expect(test.rows.allSatisfy { $0.video.crop == benchmark.testCrop })
    }
}
