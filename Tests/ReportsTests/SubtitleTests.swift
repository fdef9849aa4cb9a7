import Foundation
import TestSupport
import Testing

@testable import Reports

@Suite("Segments as subtitles")
struct SubtitleTests {
    private struct Cue: Equatable {
        let number: Int
        let start: Double
        let end: Double
        let text: String
    }

    /// What a player makes of a file: blocks between empty lines.
    private func cues(_ text: String, mark: String) throws -> [Cue] {
        try text.components(separatedBy: "\n\n").map { $0.trimmingCharacters(in: .newlines) }.filter { !$0.isEmpty }.map
        {
            let lines = $0.components(separatedBy: "\n")
            try #require(lines.count == 3, "\($0)")
            let times = lines[1].components(separatedBy: " --> ")
            try #require(times.count == 2)
            return Cue(
                number: try #require(Int(lines[0])), start: try seconds(times[0], mark),
                end: try seconds(times[1], mark),
                text: lines[2])
        }
    }

    private func seconds(_ text: String, _ mark: String) throws -> Double {
        let parts = text.components(separatedBy: mark)
        let clock = parts[0].components(separatedBy: ":").compactMap { Double($0) }
        try #require(parts.count == 2 && parts[1].count == 3 && clock.count == 3, "\(text)")
        return clock[0] * 3_600 + clock[1] * 60 + clock[2] + (try #require(Double(parts[1]))) / 1_000
    }

    @Test("SRT has a numbered cue a segment, with a comma before the thousandths")
    func srt() throws {
        #expect(
            try cues(try Samples.text(.srt, Samples.video()), mark: ",") == [
                Cue(number: 1, start: 5.333, end: 10.667, text: "fighting 69%"),
                Cue(number: 2, start: 16, end: 17.067, text: "road, accident 90%"),
            ])
    }

    @Test("WebVTT begins with its mark, and has a full stop before the thousandths")
    func vtt() throws {
        let text = try Samples.text(.vtt, Samples.video())
        #expect(text.hasPrefix("WEBVTT\n\n"))
        let cues = try cues(String(text.dropFirst("WEBVTT".count)), mark: ".")
        #expect(cues.map(\.start) == [5.333, 16] && cues.map(\.end) == [10.667, 17.067])
    }

    @Test("a cue lasts a thousandth at least, and hours are counted on")
    func long() throws {
        var video = Samples.video()
        video.fps = 100_000
        let short = try cues(try Samples.text(.srt, video), mark: ",")
        #expect(short.allSatisfy { $0.end > $0.start })
        video.times = (0...40).map { Double($0) * 20_000 }
        #expect(try Samples.text(.srt, video).contains("55:33:20,000 --> 111:06:40,000"))
    }

    @Test("no label ends its cue, begins another, or is a tag", arguments: [ReportFormat.srt, .vtt])
    func hostile(format: ReportFormat) throws {
        let label = "<b>x\n\n2\n00:00:01,000 --> 00:00:02,000\r\n{\\an8}&"
        let text = try Samples.text(format, Samples.video(labels: ["normal", label]))
        let body = format == .vtt ? String(text.dropFirst("WEBVTT".count)) : text
        #expect(try cues(body, mark: format == .vtt ? "." : ",").count == 2)
        #expect(!text.contains("<b>") && !text.contains("{") || format == .vtt && !text.contains("<b>"))
    }
}
