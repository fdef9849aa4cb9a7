import Foundation
import JSON
import Platform
import TestSupport
import Testing

@testable import Reports

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite("Scores as a drawing and as a page")
struct PageTests {
    private func isXML(_ text: String) -> Bool { XMLParser(data: Data(text.utf8)).parse() }

    @Test("the drawing is XML, has the curve, the threshold, a mark a segment and a lane a class that is no normal one")
    func drawing() throws {
        let svg = try Samples.text(.svg, Samples.video())
        #expect(isXML(svg))
        #expect(svg.components(separatedBy: "class=\"event\"").count == 3 && svg.contains("class=\"limit\""))
        #expect(
            svg.contains(">fighting</text>") && svg.contains(">road, accident</text>")
                && !svg.contains(">normal</text>"))
        #expect(svg.contains("0:21.3") && svg.contains("prefers-color-scheme: dark"))
        #expect(try Samples.text(.svg, Samples.video(fps: nil)).contains("snippet 40"))
    }

    @Test("a drawing of a hundred thousand snippets and two hundred classes is no longer than one can look at")
    func large() throws {
        let labels = (0..<200).map { "class \($0)" }
        var random = SeededRandom(seed: 1)
        let coarse = (0..<100_000).map { _ in Float.random(in: 0...1, using: &random) }
        var video = ReportedVideo(
            name: "x", labels: labels, coarse: coarse,
            fine: [Float](repeating: 0.25, count: coarse.count * labels.count))
        video.fps = 25
        let svg = try Samples.text(.svg, video)
        #expect(svg.utf8.count < 100_000 && svg.contains("and 175 classes more"))
    }

    @Test("the page runs nothing, loads nothing, and lets its own style in by its digest alone")
    func policy() throws {
        let page = try Samples.text(.html, Samples.video())
        let policy = try #require(page.firstMatch(of: /http-equiv="Content-Security-Policy" content="([^"]+)"/)).1
        #expect(policy.contains("default-src 'none'") && !policy.contains("unsafe"))
        let style = try #require(page.firstMatch(of: /(?s)<style>(.*?)<\/style>/)).1
        var digest = SHA256()
        Array(String(style).utf8).withUnsafeBytes { digest.update($0) }
        #expect(policy.contains("'sha256-\(Base64.encode(digest.finalize()))'"))
        #expect(page.components(separatedBy: "<style").count == 2)
        for foreign in ["<script", " style=", " src=", "url(", "@import", " onload="] {
            #expect(!page.contains(foreign), "\(foreign)")
        }
        #expect(page.contains("prefers-color-scheme: dark"))
    }

    @Test("pictures of segments are in the page itself, which lets in no others")
    func pictures() throws {
        var video = Samples.video()
        #expect(!(try Samples.text(.html, video)).contains("img-src"))
        video.segments[1].picture = [0xFF, 0xD8, 0xFF, 0xE0]
        video.segments[1].label = "<fire>"
        let page = try Samples.text(.html, video)
        #expect(page.contains("img-src data:;") && page.contains("src=\"data:image/jpeg;base64,/9j/4A==\""))
        #expect(page.components(separatedBy: "<img").count == 2 && page.contains("alt=\"&lt;fire&gt;, "))
        #expect(!ReportedSegment.isPicture([0x89, 0x50]) && ReportedSegment.isPicture([0xFF, 0xD8, 0xFF, 0xE0]))
    }

    @Test("what comes from outside is text in both", arguments: [ReportFormat.html, .svg])
    func escaped(format: ReportFormat) throws {
        let evil = "<script>alert(1)</script>\"'&\u{202E}\u{1B}[31m"
        var video = Samples.video("dir/\(evil)", labels: ["normal", evil])
        (video.model, video.caution, video.warnings) = (evil, evil, [evil])
        video.provenance = [ReportedVideo.Fact("model_sha256", evil)]
        let text = try Samples.text(format, video)
        #expect(!text.contains("<script") && text.contains("&lt;"))
        #expect(!text.unicodeScalars.contains("\u{202E}") && !text.unicodeScalars.contains("\u{1B}"))
        if format == .svg { #expect(isXML(text)) }
    }

    @Test("several videos are parts of one page, which a list at its beginning leads to")
    func several() throws {
        let page = try Samples.text(.html, Samples.video("a.npy"), Samples.video("b.npy"))
        #expect(page.contains("href=\"#video-2\"") && page.contains("id=\"video-2\""))
        #expect(page.components(separatedBy: "<svg").count == 3)
    }

    @Test("what a server answers of a job makes the same report as what it was scored as")
    func fromJSON() throws {
        let text = """
            {"model": "ucf-crime", "snippets": 2, "frames_per_snippet": 16, "fps": 25, "coarse": [0.1, 0.9],
             "fine": {"labels": ["normal", "riot"], "scores": [[0.75, 0.25], [0.1, 0.9]]},
             "video": {"coarse": 0.9, "label": "riot", "scores": {"normal": 0.2, "riot": 0.8}},
             "segments": [{"start": 1, "end": 2, "label": "riot", "score": 0.9}],
             "provenance": {"model_sha256": "abc", "kernels": "avx2"}}
            """
        let result = try JSONReader.parse(Array(text.utf8))
        let video = try #require(ReportedVideo("x.npy", result: result))
        #expect(video.coarse == [0.1, 0.9] && video.fine == [0.75, 0.25, 0.1, 0.9] && video.fps == 25)
        #expect(video.segments == [ReportedSegment(start: 1, end: 2, label: "riot", score: 0.9)])
        #expect(video.classScores == [0.2, 0.8] && video.provenance.map(\.name) == ["model_sha256", "kernels"])
        for format in ReportFormat.allCases { #expect(try !format.bytes(of: [video]).isEmpty) }
    }

    @Test(
        "what is no whole result makes no report",
        arguments: [
            "{}", "[]", #"{"coarse": [1]}"#, #"{"coarse": [1], "fine": {"labels": ["a"], "scores": []}}"#,
            #"{"coarse": [1], "fine": {"labels": ["a"], "scores": [[1, 2]]}}"#,
            #"{"coarse": ["x"], "fine": {"labels": ["a"], "scores": [[1]]}}"#,
            #"{"coarse": [1], "fine": {"labels": ["a"], "scores": [[1]]}, "segments": [{"start": 0, "end": 2}]}"#,
            #"{"coarse": [1], "fine": {"labels": ["a"], "scores": [[1]]}, "segments": [{"start": 1, "end": 1}]}"#,
        ])
    func broken(text: String) throws {
        #expect(ReportedVideo("x", result: try JSONReader.parse(Array(text.utf8))) == nil)
    }
}
