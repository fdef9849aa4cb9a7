import Foundation
import JSON
import Reports
import TestSupport
import Testing

@testable import Evaluation

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite("What is told of an evaluation")
struct ReportTests {
    private func document(_ videos: [EvaluatedVideo], classes: Int = 3) -> EvaluationDocument {
        let evaluation = Evaluation(videos, classes: Videos.names(classes), normalTruth: true)
        return EvaluationDocument(
            evaluation, thresholds: Thresholds(videos, framesPerSecond: 30, allowedPerHour: 1),
            bootstrap: Bootstrap(evaluation, draws: 20, seed: 0, threads: 2), dataset: "own <list>",
            source: "model & \"tests\"", notes: ["a <note>"])
    }

    @Test("JSON has the figures under their published names, and null where one is not defined")
    func json() throws {
        let json = try JSONReader.parse(document(Videos.random(9, seed: 1)).json, maxBytes: 1 << 20)
        for key in ["auc_coarse", "ap_coarse", "auc_fine", "ap_fine", "map_average", "videos", "snippets"] {
            #expect(json[key]?.double != nil, "\(key)")
        }
        #expect(json["map_at_iou"]?["0.1"]?.double != nil && json["map_at_iou"]?["0.5"]?.double != nil)
        #expect(json["confidence"]?["auc_coarse"]?.array?.count == 2)
        #expect(json["classes"]?.array?.count == 3)
        let undefined = try JSONReader.parse(document([Videos.make(coarse: [1])], classes: 2).json, maxBytes: 1 << 20)
        #expect(undefined["auc_coarse"] == .null && undefined["ap_fine"] == .null)
        #expect(undefined["thresholds"]?["best_f1"] == .null)
    }

    @Test("the report needs nothing from elsewhere, and what comes from outside is text in it")
    func report() {
        var videos = Videos.random(9, seed: 2)
        videos.append(
            Videos.make(
                "<script>alert(1)</script>", coarse: [1, 2, 3], fine: [[0, 1, 2], [0, 1, 2], [0, 1, 2]],
                truth: [(1, 0..<9)]))
        let page = String(decoding: EvaluationReport(document(videos)).html, as: UTF8.self)
        #expect(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)"))
        #expect(
            page.contains("own &lt;list&gt;") && page.contains("model &amp; &quot;tests&quot;")
                && page.contains("a &lt;note&gt;"))
        for foreign in ["src=", "href=", "url(", "@import"] { #expect(!page.contains(foreign), "\(foreign)") }
        #expect(page.components(separatedBy: "<figure>").count == 11)
        #expect(page.contains("prefers-color-scheme: dark"))
    }

    @Test("what the curves are called stands above them, wherever they go")
    func legend() throws {
        let charts = EvaluationCharts(document(Videos.random(9, seed: 4)))
        for svg in [charts.roc.svg(), charts.precisionRecall.svg(), charts.alarms.svg()] {
            let top = try #require(svg.firstMatch(of: /class="grid" d="M[0-9.]+ ([0-9.]+)V/)).1
            let names = svg.matches(of: /y="([0-9.]+)">(?:coarse|fine|as the)/)
            #expect(!names.isEmpty)
            for name in names { #expect(try #require(Double(name.1)) < #require(Double(top)), "\(name.0)") }
        }
    }

    @Test("each chart is well-formed XML with its colours in it", arguments: [1, 2, 40])
    func charts(count: Int) throws {
        let files = EvaluationCharts(document(Videos.random(count, seed: 3))).files
        #expect(files.map(\.name).count == 5)
        for (name, svg) in files {
            let parser = XMLParser(data: Data(svg.utf8))
            #expect(parser.parse(), "\(name): \(parser.parserError.map { "\($0)" } ?? "")")
            #expect(svg.contains("<style>") && !svg.contains("nan") && !svg.contains("inf"), "\(name)")
        }
    }

    /// Red, green and blue of a colour's name in the light or the dark.
    private func colour(_ name: String, isDark: Bool) throws -> [Double] {
        let half = Markup.colours.split(separator: "@media")[isDark ? 1 : 0]
        let value = try #require(half.split(separator: name + ": #").last.flatMap { Int($0.prefix(6), radix: 16) })
        return [16, 8, 0].map { Double(value >> $0 & 255) / 255 }
    }

    /// WCAG's relative luminance.
    private func luminance(_ colour: [Double]) -> Double {
        zip([0.2126, 0.7152, 0.0722], colour).reduce(0) { sum, part in
            sum + part.0 * (part.1 <= 0.040_45 ? part.1 / 12.92 : pow((part.1 + 0.055) / 1.055, 2.4))
        }
    }

    @Test("a matrix's counts stand out from their cells, whatever their share", arguments: [false, true])
    func contrast(isDark: Bool) throws {
        let (cell, page) = (try colour("--coarse", isDark: isDark), try colour("--page", isDark: isDark))
        let texts = [
            "": try colour("--ink", isDark: isDark), "on": page, "half": [0x17, 0x19, 0x1C].map { $0 / 255 },
        ]
        for share in stride(from: 0.0, through: 1, by: 0.01) {
            let under = zip(cell, page).map { $0 * (0.04 + 0.96 * share) + $1 * (0.96 - 0.96 * share) }
            let text = try #require(texts[EvaluationCharts.style(ofShare: share)])
            let (one, other) = (luminance(under) + 0.05, luminance(text) + 0.05)
            #expect(max(one, other) / min(one, other) > 3, "\(share)")
        }
    }

    @Test("charts are well-formed XML whatever the classes are called, also where a name is cut short")
    func names() throws {
        let controls = (0..<0x20).map { Unicode.Scalar(UInt8($0)) } + ["\u{7F}", "\u{9F}", "\u{FFFE}", "\u{FFFF}"]
        let names = ["normal"] + controls.map { "a\($0)<&\"" } + ["0123456789\u{0}\r\n\u{FFFF}<\u{1}<\u{2}<\u{3}<"]
        let videos = Videos.random(6, classes: names.count, seed: 5)
        let evaluation = Evaluation(videos, classes: names, normalTruth: true)
        let document = EvaluationDocument(
            evaluation, thresholds: Thresholds(videos, framesPerSecond: 30, allowedPerHour: 1), bootstrap: nil,
            dataset: "a\u{1}", source: "b\u{FFFE}", notes: [])
        for (name, svg) in EvaluationCharts(document).files {
            let parser = XMLParser(data: Data(svg.utf8))
            #expect(parser.parse(), "\(name): \(parser.parserError.map { "\($0)" } ?? "")")
        }
    }

    @Test(
        "numbers have so many decimals, and what is none is a dash",
        arguments: [
            (12.3, 2, "12.30"), (0.005, 2, "0.01"), (-1.25, 1, "-1.3"), (-0.001, 2, "0.00"), (7.6, 0, "8"),
            (Double.nan, 2, "–"),
            (1e12, 2, "–"), (Double.infinity, 2, "–"),
        ])
    func decimals(value: Double, places: Int, text: String) {
        #expect(Decimals.text(value, places) == text)
        #expect(Decimals.text(nil, places) == "–")
    }
}
