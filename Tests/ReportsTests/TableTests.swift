import Formats
import TestSupport
import Testing

@testable import Reports

@Suite("Scores as tables")
struct TableTests {
    @Test("CSV has a row a snippet, with its times and all scores as they are, and quotes what has a comma in it")
    func csv() throws {
        let video = Samples.video("clips/a \"b\", c.npy")
        let rows = csvRows(try Samples.text(.csv, video))
        #expect(
            rows[0] == [
                "file", "snippet", "start_seconds", "end_seconds", "coarse", "normal", "fighting", "road, accident",
            ])
        #expect(rows.count == 41)
        for (snippet, row) in rows.dropFirst().enumerated() {
            #expect(row[0] == video.name && row[1] == "\(snippet)")
            #expect(Double(row[2]).map { abs($0 - Double(snippet * 16) / 30) < 0.001 } == true)
            #expect(row[4...].map { Float($0) } == [video.coarse[snippet]] + video.fine[snippet * 3..<snippet * 3 + 3])
        }
    }

    @Test("no name of a video or a class is a formula to a spreadsheet", arguments: ["=", "+", "-", "@", "\t"])
    func formulas(sign: String) throws {
        let video = Samples.video(sign + "HYPERLINK(1)", labels: ["normal", sign + "cmd", "fire"])
        let rows = csvRows(try Samples.text(.csv, video))
        #expect(rows[0].suffix(3) == ["normal", "'" + sign + "cmd", "fire"])
        #expect(rows[1][0] == "'" + sign + "HYPERLINK(1)")
    }

    @Test("a row a frame has the score of its snippet, and no more rows than the video has frames")
    func frames() throws {
        var video = Samples.video()
        video.frames = 637
        let rows = csvRows(try Samples.text(.csv, video, perFrame: true))
        #expect(rows[0].prefix(4) == ["file", "frame", "seconds", "coarse"] && rows.count == 638)
        for (frame, row) in rows.dropFirst().enumerated() {
            #expect(row[1] == "\(frame)" && Float(row[3]) == video.coarse[frame / 16])
            #expect(Double(row[2]).map { abs($0 - Double(frame) / 30) < 0.001 } == true)
        }
    }

    @Test("times that a video has of its own count more than its rate, and cells are empty where neither is known")
    func times() throws {
        var video = Samples.video()
        video.times = (0...40).map { Double($0) * 2 }
        #expect(csvRows(try Samples.text(.csv, video))[3].prefix(4) == [video.name, "2", "4.000", "6.000"])
        #expect(csvRows(try Samples.text(.csv, Samples.video(fps: nil)))[1].prefix(4) == ["clips/a.npy", "0", "", ""])
    }

    @Test("several videos stand in one table under one line of titles, and those of other labels are refused")
    func several() throws {
        let text = try Samples.text(.csv, Samples.video("a"), Samples.video("b"))
        #expect(
            csvRows(text).map { $0[0] } == ["file"] + Array(repeating: "a", count: 40)
                + Array(repeating: "b", count: 40))
        #expect(throws: ReportError.otherLabels(name: "b")) {
            try Samples.text(.csv, Samples.video("a"), Samples.video("b", labels: ["normal", "riot"]))
        }
    }

    @Test("a sweep is a row a threshold")
    func sweep() throws {
        var video = Samples.video()
        video.sweep = [
            SweepStep(threshold: 0.05, segments: 1, snippets: 40), SweepStep(threshold: 0.95, segments: 0, snippets: 0),
        ]
        #expect(
            csvRows(try Samples.text(.csv, video)) == [
                ["file", "threshold", "segments", "snippets", "share"],
                ["clips/a.npy", "0.05", "1", "40", "1.000"], ["clips/a.npy", "0.95", "0", "0", "0.000"],
            ])
    }

    @Test(".npy has the coarse score and those of the classes, a row a snippet or a frame", arguments: [false, true])
    func npy(perFrame: Bool) throws {
        let video = Samples.video()
        let array = try decode(try ReportFormat.npy.bytes(of: [video], perFrame: perFrame), with: NPYDecoder())
        #expect(array.shape == [perFrame ? 640 : 40, 4])
        for row in 0..<array.shape[0] {
            let snippet = perFrame ? row / 16 : row
            #expect(
                Array(array.values[row * 4..<row * 4 + 4])
                    == [video.coarse[snippet]] + video.fine[snippet * 3..<snippet * 3 + 3])
        }
    }

    @Test(
        "what is a file a video takes no several, and what says when segments are takes none whose times nobody knows",
        arguments: ReportFormat.allCases)
    func refused(format: ReportFormat) throws {
        if format.isOfMany {
            #expect(try !format.bytes(of: [Samples.video("a"), Samples.video("b")]).isEmpty)
        } else {
            #expect(throws: ReportError.tooMany(format)) {
                try Samples.text(format, Samples.video("a"), Samples.video("b"))
            }
        }
        if format.needsTimes {
            #expect(throws: ReportError.noTimes(format, name: "clips/a.npy")) {
                try Samples.text(format, Samples.video(fps: nil))
            }
        } else {
            #expect(try !format.bytes(of: [Samples.video(fps: nil)]).isEmpty)
        }
    }

    @Test("a video without a segment, or of one snippet, is written in every form", arguments: ReportFormat.allCases)
    func small(format: ReportFormat) throws {
        var empty = Samples.video()
        empty.segments = []
        #expect(try !format.bytes(of: [empty]).isEmpty || format == .srt)
        var one = ReportedVideo(name: "x", labels: ["normal"], coarse: [1], fine: [1])
        one.fps = 25
        #expect(try !format.bytes(of: [one]).isEmpty || format == .srt)
    }
}
