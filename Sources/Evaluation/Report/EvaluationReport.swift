import Reports

/// An evaluation as one HTML page that needs nothing beside it, in light and dark.
public struct EvaluationReport: Sendable {
    private let document: EvaluationDocument
    private var evaluation: Evaluation { document.evaluation }

    /// The page of this evaluation.
    public init(_ document: EvaluationDocument) { self.document = document }

    /// The page.
    public var html: [UInt8] {
        let charts = EvaluationCharts(document)
        let confusion = charts.confusion()
        let width = EvaluationCharts.matrixWidth(classes: evaluation.classes.count)
        var page = head
        page += "<div class=\"charts\">\(charts.roc.svg())\(charts.precisionRecall.svg())\(charts.alarms.svg())</div>\n"
        page += tables
        page +=
            "<h2>What is taken for what</h2>\n<div class=\"charts matrices\" style=\"--matrix: \(width)px\">"
            + "<div>\(confusion.videos)</div><div>\(confusion.snippets)</div></div>\n"
        page += timelines
        page += "</main>\n</html>\n"
        return Array(page.utf8)
    }

    private var head: String {
        let notes = document.notes.map { "<li>\(Markup.escaped($0))</li>" }.joined()
        let figures = [
            ("AUC, coarse", Decimals.percent(evaluation.coarse.auc)),
            ("AP, coarse", Decimals.percent(evaluation.coarse.ap)),
            ("AUC, fine", Decimals.percent(evaluation.fine.auc)), ("AP, fine", Decimals.percent(evaluation.fine.ap)),
            ("mAP, average", Decimals.text(evaluation.map(.published).average, 2)),
        ].map { "<div><b>\($1)</b>\(Markup.escaped($0)), %</div>" }.joined()
        return """
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(Markup.escaped(document.dataset)): evaluation</title>
            <style>
            \(Markup.colours)\(Markup.chartStyle)\(Self.style)</style>
            <main>
            <h1>\(Markup.escaped(document.dataset))</h1>
            <p>\(Markup.escaped(document.source)).<br>\(evaluation.videos.count) videos, \(evaluation.abnormalVideos) of them \
            abnormal; \(evaluation.snippets) snippets; \(evaluation.anomalousFrames) of \
            \(evaluation.snippets * EvaluatedVideo.snippet) frames abnormal.</p>
            <div class="figures">\(figures)</div>
            \(notes.isEmpty ? "" : "<ul class=\"notes\">\(notes)</ul>")

            """
    }

    private var tables: String {
        let frames = Branch.allCases.map { branch in
            let own = evaluation.frames(branch)
            return [branch.rawValue] + [own.auc, own.ap, own.abnormalAUC, own.abnormalAP].map { Decimals.percent($0) }
        }
        let detection = DetectionProtocol.allCases.map { kind in
            let own = evaluation.map(kind)
            return ["\(kind.title)\(own.isVoid ? " (a class has no proposal)" : "")"]
                + (own.atOverlap + [own.average]).map { Decimals.text($0, 2) }
        }
        let overlaps = DetectionMetrics.thresholdNames + ["average"]
        return "<h2>Frames, %</h2>\n"
            + Markup.table([["score", "AUC", "AP", "Ano-AUC", "Ano-AP"]] + frames) + confidence
            + "<h2>Detection mAP at IoU, %</h2>\n" + Markup.table([["protocol"] + overlaps] + detection)
            + "<h2>Detection AP of each class, all videos, %</h2>\n"
            + Markup.table(
                [["class", "intervals", "proposals"] + overlaps]
                    + evaluation.detectionByClass.map { own in
                        [own.label, "\(own.intervals)", "\(own.proposals)"]
                            + DetectionMetrics.thresholds.indices.map { Decimals.text(own.atOverlap?[$0], 2) }
                            + [Decimals.text(own.average, 2)]
                    }) + thresholds
    }

    private var confidence: String {
        guard let bootstrap = document.bootstrap else { return "" }
        let rows = bootstrap.intervals.map { interval in
            let scale = interval.name == "map_average" ? 1.0 : 100
            return [interval.name, Decimals.text(scale * interval.low, 2), Decimals.text(scale * interval.high, 2)]
        }
        return
            "<h2>95% confidence over videos, %</h2>\n<p>\(bootstrap.draws) draws of as many videos, seed \(bootstrap.seed).</p>\n"
            + Markup.table([["figure", "from", "to"]] + rows)
    }

    private var thresholds: String {
        let own = document.thresholds
        var rows = [["threshold of the coarse score", "value", "what it gives"]]
        if let best = own.bestF1 {
            rows.append([
                "highest F1 of frames", Decimals.threshold(best.threshold),
                "F1 \(Decimals.percent(best.f1))%, precision \(Decimals.percent(best.precision))%, recall "
                    + "\(Decimals.percent(best.recall))%",
            ])
        }
        if let bounded = own.bounded {
            rows.append([
                "at most \(Decimals.text(own.allowedPerHour, 2)) false alarms an hour",
                Decimals.threshold(bounded.threshold),
                "\(bounded.found) of \(own.events) events, \(Decimals.text(bounded.falseAlarmsPerHour, 2)) false alarms an hour",
            ])
        }
        return "<h2>Thresholds</h2>\n<p>\(Decimals.text(own.hours, 1)) hours of video at "
            + "\(Decimals.text(own.framesPerSecond, 2)) frames a second. An alarm is a run of snippets at or above the "
            + "threshold; it is false where it covers no abnormal frame.</p>\n" + Markup.table(rows)
    }

    /// The abnormal videos first.
    private var timelines: String {
        let line = document.thresholds.bestF1?.threshold
        func list(_ videos: [EvaluatedVideo]) -> String {
            videos.map { video in
                let labels = video.labels.map { evaluation.classes[$0] }.joined(separator: ", ")
                let seconds = Int(Double(video.frames) / document.thresholds.framesPerSecond)
                let time = "\(seconds / 60):\(seconds % 60 < 10 ? "0" : "")\(seconds % 60)"
                let said = evaluation.classes[video.predicted]
                return "<figure><figcaption><b>\(Markup.escaped(video.name))</b> <span>\(Markup.escaped(labels)); said "
                    + "\(Markup.escaped(said)); \(video.snippets) snippets, \(time)</span></figcaption>"
                    + Timeline(video: video, classes: evaluation.classes, threshold: line).svg + "</figure>"
            }.joined(separator: "\n")
        }
        return """
            <h2>Timelines</h2>
            <p class="key"><i class="coarse"></i> coarse score <i class="fine"></i> fine score <i class="truth"></i> \
            annotated <i class="chance"></i> threshold of the highest F1. From 0 to 1, over the whole video.</p>
            <details open><summary>Abnormal videos</summary>
            \(list(evaluation.videos.filter { !$0.isNormal }))
            </details>
            <details><summary>Normal videos</summary>
            \(list(evaluation.videos.filter(\.isNormal)))
            </details>

            """
    }

    private static let style = """
        body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
        main { max-width: 1180px; margin: 0 auto; padding: 24px 20px 60px }
        h1 { margin: 0; font-size: 26px } h2 { margin: 34px 0 10px; font-size: 18px } p { margin: 6px 0; color: var(--soft) }
        .figures { display: flex; flex-wrap: wrap; gap: 12px; margin: 18px 0 }
        .figures div { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 10px 16px; \
        color: var(--soft); font-size: 13px }
        .figures b { display: block; color: var(--ink); font-size: 24px; font-variant-numeric: tabular-nums }
        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); gap: 14px }
        .charts svg { width: 100%; background: var(--panel); border: 1px solid var(--line); border-radius: 8px }
        .matrices { grid-template-columns: repeat(auto-fit, minmax(min(100%, var(--matrix)), 1fr)) }
        .matrices div { overflow-x: auto } .matrices svg { min-width: var(--matrix); max-width: calc(1.3 * var(--matrix)) }
        .wide { overflow-x: auto } table { border-collapse: collapse; background: var(--panel); font-size: 14px }
        th, td { border: 1px solid var(--line); padding: 4px 10px; text-align: right; font-variant-numeric: tabular-nums }
        th { color: var(--soft); font-weight: 600 } th:first-child, td:first-child { text-align: left }
        .notes { color: var(--soft); padding-left: 20px } summary { cursor: pointer; margin: 8px 0; font-weight: 600 }
        figure { margin: 10px 0; content-visibility: auto; contain-intrinsic-size: auto 108px }
        figcaption { font-size: 13px; overflow-wrap: anywhere } figcaption span { color: var(--soft) }
        svg.time { display: block; width: 100%; height: 70px; background: var(--panel) }
        svg.time path { vector-effect: non-scaling-stroke }
        .key i { display: inline-block; width: 22px; height: 10px; margin: 0 4px 0 12px; vertical-align: middle }
        .key i.coarse { border-top: 3px solid var(--coarse) } .key i.fine { border-top: 3px solid var(--fine) }
        .key i.truth { background: var(--truth); opacity: .3 } .key i.chance { border-top: 2px dashed var(--soft) }

        """
}
