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

    @Test("classes of few videos to train on are told, and what may have been meant")
    func rareClasses() throws {
        let rows =
            (0..<6).map { "n\($0).npy,normal\nf\($0).npy,flicker\n" }.joined()
            + "x.npy,flickr\ny.npy,fire\nz.npy,fire\n"
        let list = try VideoList(text("path,label\n\(rows)"))
        let spelling = try LabelSpelling.own(of: [list])
        let classes = try list.classes(spelling)
        let summary = ListSummary(list, classes: classes, spelling: spelling)
        let told = list.findings(classes: classes, summary, for: .training)
        #expect(told.map(\.error) == [nil])
        #expect(
            told.first?.cases == [
                "2 videos alone have the class 'fire', too few to learn it",
                "1 video alone has the class 'flickr', too few to learn it: did you mean 'flicker'?",
            ])
        #expect(list.findings(classes: classes, summary, for: .testing) == [])
        #expect(summary.misspelt == ["1 video alone has the class 'flickr': did you mean 'flicker'?"])
    }

    @Test("all labels that are none are told, and so is each line that is no row")
    func allFaults() throws {
        let list = try VideoList(text("path,label\na.npy,Abuse\nb.npy,Abusive\nc.npy,Normal\nd.npy,Norml\n"))
        let error = failure(of: DatasetError.self) { _ = try list.classes(.ucfCrime) }
        #expect(error?.count == 2 && error?.cases.count == 2)
        #expect(error?.description.hasPrefix("some.csv, line 3: the label 'Abusive' is none of") == true)
        #expect(error?.description.hasSuffix("; and 1 more like it") == true)
        #expect(error?.cases.last?.hasPrefix("some.csv, line 5: the label 'Norml'") == true)
        #expect(error?.cases.last?.hasSuffix(": did you mean 'Normal'?") == true)
        #expect(list.labelled(.ucfCrime).classes == [[1], [], [0], []])
        let rows = failure(of: DatasetError.self) { _ = try VideoList(text("path,label\na\n,x\nb,y\nc,d,e\n")) }
        #expect(
            rows?.cases == [
                "some.csv, line 2: 1 fields: expected 2, as the header has", "some.csv, line 3: the path is empty",
                "some.csv, line 5: 3 fields: expected 2, as the header has",
            ])
    }

    @Test("of very many faults the first are told, and all are counted")
    func manyFaults() throws {
        let rows = String(repeating: "a,x\n", count: Cases.mostTexts + 5)
        let error = failure(of: DatasetError.self) { _ = try VideoList(text("path,label\n\(rows)")).classes(.ucfCrime) }
        #expect(error?.cases.count == Cases.mostTexts && error?.count == Cases.mostTexts + 5)
    }

    private func findings(_ rows: String, for purpose: ListPurpose) throws -> [String] {
        let list = try VideoList(text("path,label\nn.npy,normal\n\(rows)"))
        let spelling = try LabelSpelling.own(of: [list])
        let classes = try list.classes(spelling)
        let summary = ListSummary(list, classes: classes, spelling: spelling)
        return list.findings(classes: classes, summary, for: purpose).filter { $0.error != nil }.map(\.description)
    }

    @Test(
        "clips of one name in two folders are refused, and both are named", arguments: [ListPurpose.training, .testing])
    func sameName(purpose: ListPurpose) throws {
        let found = try findings("gate/clip1.npy,fall\nyard/clip1.npy,fall\nyard/clip1.npy,fall\n", for: purpose)
        #expect(found.count == 1)
        #expect(
            found.first?.hasPrefix(
                "some.csv, line 4: 'yard/clip1.npy' is the video 'clip1' that line 3 has as 'gate/clip1.npy'") == true)
        #expect(found.first?.hasSuffix("; and 1 more like it") == true)
    }

    @Test("crops of one video with different labels are refused, and the video is named")
    func cropLabels() throws {
        let rows = "x.npy,fire\ncam__0.npy,fall\ncam__1.npy,fire\ncam__2.npy,fall\ncam__3.npy,normal\n"
        let found = try findings(rows, for: .training)
        #expect(found.count == 1)
        #expect(
            found.first?.hasPrefix("some.csv, line 5: the video 'cam' is labelled 'fire', and 'fall' in line 4") == true
        )
        #expect(found.first?.hasSuffix("; and 1 more like it") == true)
        #expect(try findings("a__0.npy,fall;fire\na__1.npy,fire;Fall\n", for: .training) == [])
        #expect(try findings(rows, for: .testing).count == 2)
        #expect(try findings("a.npy,fall\na__0.npy,fall\n", for: .testing).count == 1)
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
