import TestSupport
import Testing

@testable import Datasets

@Suite("Annotations")
struct AnnotationTests {
    private func interval(_ label: Int, _ frames: Range<Int>) -> AnnotatedInterval {
        AnnotatedInterval(label: label, frames: frames)
    }

    @Test("UCF-Crime's lines have a class and up to two intervals")
    func ucfCrime() throws {
        let read = try Annotations(
            text(
                "Abuse028_x264  Abuse  165  240  -1  -1  \r\nArson011_x264 Arson 150 420 680 1267\nNormal_1 Normal -1 -1 -1 -1\n"
            ),
            spelling: .ucfCrime)
        #expect(read["Abuse028_x264"] == [interval(1, 165..<240)])
        #expect(read["Arson011_x264"] == [interval(3, 150..<420), interval(3, 680..<1267)])
        #expect(read["Normal_1"] == [])
        #expect(read["Abuse029_x264"] == nil)
        #expect(read.videos == ["Abuse028_x264", "Arson011_x264", "Normal_1"])
    }

    @Test("XD-Violence's lines have a class before each interval, and some names an ending")
    func xdViolence() throws {
        let read = try Annotations(text("v=a__#1_label_B2-G-0.mp4 B2 310 515 G 790 1045\n"), spelling: .xdViolence)
        #expect(read["v=a__#1_label_B2-G-0"] == [interval(2, 310..<515), interval(6, 790..<1045)])
    }

    @Test("an apostrophe before what would be a formula is none of the name")
    func noFormula() throws {
        let read = try Annotations(
            text("video,label,start,end\n'+1,'=fall,30,60\n'tis,fall,1,2\n"),
            spelling: LabelSpelling(classes: ["normal", "=fall", "fall"]))
        #expect(read["+1"] == [interval(1, 30..<60)])
        #expect(read["'tis"] == [interval(2, 1..<2)])
    }

    @Test("a table of one's own has frames, seconds, or clock times")
    func ownTable() throws {
        let spelling = LabelSpelling(classes: ["normal", "fall", "fire"])
        let frames = try Annotations(
            text("video,label,start,end\ndoor.mp4,fall,30,60\ndoor,fire,90,120\nhall,normal,,\n"), spelling: spelling)
        #expect(frames["door"] == [interval(1, 30..<60), interval(2, 90..<120)])
        #expect(frames["hall"] == [])
        let written = try Annotations(
            text("video,label,start,end\ndoor,fall,1.2s,2.4s\nhall,fire,1:00,1:01:00\n"), spelling: spelling,
            framesPerSecond: 25)
        #expect(written["door"] == [interval(1, 30..<60)])
        #expect(written["hall"] == [interval(2, 1500..<91_500)])
        let columns = try Annotations(
            text("label,video,start_seconds,end_seconds,fps\nfall,door,1.2,2.4,25\nfall,hall,1.2,2.4,50\n"),
            spelling: spelling)
        #expect(columns["door"] == [interval(1, 30..<60)])
        #expect(columns["hall"] == [interval(1, 60..<120)])
        let plain = try Annotations(
            text("video,label,start,end\ndoor,fall,1.2,2.4\n"), spelling: spelling, framesPerSecond: 25, inSeconds: true
        )
        #expect(plain["door"] == [interval(1, 30..<60)])
    }

    @Test("frames of which nearly all intervals are shorter than a snippet may be seconds")
    func mayBeSeconds() throws {
        func doubt(_ rows: String, inSeconds: Bool = false) throws -> String? {
            try Annotations(
                text("video,label,start,end\n\(rows)"), spelling: LabelSpelling(classes: ["normal", "fall"]),
                framesPerSecond: 25, inSeconds: inSeconds
            ).doubt
        }
        let short = (0..<9).map { "a\($0),fall,\($0 + 1),\($0 + 9)\n" }.joined()
        #expect(try doubt(short)?.contains("9 of the 9 intervals of some.csv are shorter") == true)
        #expect(try doubt(short + "b,fall,10,40\n")?.contains("9 of the 10 intervals") == true)
        #expect(try doubt(short + "b,fall,10,40\nc,fall,10,40\n") == nil)
        #expect(try doubt(short, inSeconds: true) == nil)
        #expect(try doubt("a,fall,0.2s,0:00.3\nb,normal,,\n") == nil)
        #expect(try Annotations(text("a Abuse 5 9 -1 -1\n"), spelling: .ucfCrime).doubt == nil)
    }

    @Test(
        "what is no annotation is refused, and the line is named",
        arguments: [
            ("", "annotates no video"), ("a Abuse 5\n", "line 1: expected a first and a last frame"),
            ("a Abuse 9 5\n", "line 1: frames 9 to 5: the end is not behind the start"), ("a Abuse 5 5\n", "line 1"),
            ("a Abuse -5 5\n", "line 1: frames -5 to 5"), ("a 5 9\n", "no class stands before '5'"),
            ("a\n", "line 1: the video has no class"),
            ("a Abuse 1 2\na Abuse 5 6\n", "line 2: the video 'a' is there twice"),
            ("a Abusive 1 2\n", "'Abusive' is none of"),
            ("a Abuse 1 99999999999\n", "line 1: expected a first and a last frame"),
            ("a Abuse 1 999999999\n", "expected frames from 0 to"),
            ("video,label,start\na,Abuse,1\n", "expected video,label,start,end"),
            ("video,label,start,end\na,Abuse,1.5,2\n", "line 2: '1.5': expected a whole number of frames"),
            ("video,label,start,end\na,Abuse,1s,2s\n", "line 2: '1s' is in seconds: the frames a second must be given"),
            ("video,label,start,end\na,Abuse,,2\n", "line 2: '': expected a whole number"),
            ("video,label,start,end,fps\na,Abuse,1e3s,2s,25\n", "expected seconds"),
            ("video,label,start,end,fps\na,Abuse,1s,2s,nan\n", "fps 'nan'"),
            ("video,label,start,end\na,Abuse,1\n", "line 2: 3 fields: expected 4"),
            ("a Abuse" + String(repeating: " 1 2", count: 4_097), "line 1: more than 4096 intervals"),
            (
                "video,label,start,end\n" + String(repeating: "a,Abuse,1,2\n", count: 4_097),
                "line 4098: more than 4096 intervals of 'a'"
            ),
        ])
    func refused(content: String, reason: String) throws {
        let error = failure(of: DatasetError.self) { _ = try Annotations(text(content), spelling: .ucfCrime) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "nothing was thrown")")
        #expect(error?.description.contains("some.csv") == true)
    }

    @Test("all lines that are wrong are told")
    func allFaults() {
        for (content, cases) in [
            (
                "video,label,start,end\na,Abuse,1,2\nb,Abusive,1,2\nc,Abuse,5,4\nd,Abuse,1\n",
                ["line 3: the label 'Abusive'", "line 4: frames 5 to 4", "line 5: 3 fields"]
            ),
            ("a Abuse 1 2\nb Abusive 1 2\na Abuse 5 6\nc\n", ["line 2", "line 3: the video 'a'", "line 4"]),
        ] {
            let error = failure(of: DatasetError.self) { _ = try Annotations(text(content), spelling: .ucfCrime) }
            #expect(error?.count == cases.count)
            for (told, begin) in zip(error?.cases ?? [], cases) {
                #expect(told.hasPrefix("some.csv, \(begin)"), "\(told)")
            }
        }
    }

    @Test("damaged annotations are read or refused, and nothing else happens")
    func mutations() {
        let table = Array(
            "video,label,start,end,fps\na,Abuse,1:02.5,90s,25\nb,Arson,,,30\n\"c\",Fighting,12.5s,1:00,30\n".utf8)
        let lines = Array("Abuse028_x264  Abuse  165  240  -1  -1  \nb Arson 150 420 680 1267\n".utf8)
        var random = SeededRandom(seed: 21)
        var refused = 0
        for draw in 0..<2_000 {
            let bytes = mutate(draw.isMultiple(of: 2) ? table : lines, using: &random)
            do throws(DatasetError) {
                _ = try Annotations(TextFile(path: "damaged", bytes: bytes), spelling: .ucfCrime)
            } catch {
                refused += 1
            }
        }
        #expect(refused > 200)
    }

    @Test(
        "the published annotations are read, and each is of a class that its video has or none",
        .enabled(if: Paths.shared != nil, "needs ../shared"), arguments: Benchmark.all)
    func published(benchmark: Benchmark) throws {
        let data = try #require(Paths.shared) + "/data"
        let annotations = try Annotations(
            path: Benchmark.file(benchmark.annotations, in: data), spelling: benchmark.spelling)
        #expect(annotations.videos.count == (benchmark == .ucfCrime ? 290 : 500))
        #expect(annotations.videos.compactMap { annotations[$0] }.joined().allSatisfy { $0.label > 0 })
    }
}
