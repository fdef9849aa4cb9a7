import Datasets
import Evaluation
import Reports

/// An evaluation as a person reads it on a terminal: all protocols side by side, each named.
struct EvalTable {
    private let document: EvaluationDocument
    private var evaluation: Evaluation { document.evaluation }

    init(_ document: EvaluationDocument) { self.document = document }

    var text: String {
        (head + [""] + frames + [""] + detection + [""] + classes + [""] + thresholds + confidence).joined(
            separator: "\n")
    }

    private var head: [String] {
        let frames = evaluation.snippets * 16
        return [
            "\(document.dataset): \(document.source)",
            "  \(evaluation.videos.count) videos, \(evaluation.abnormalVideos) of them abnormal; \(evaluation.snippets) "
                + "snippets; \(evaluation.anomalousFrames) of \(frames) frames abnormal",
        ]
    }

    private var frames: [String] {
        let rows = Branch.allCases.map { branch in
            let own = evaluation.frames(branch)
            return [branch == .coarse ? "coarse score (C-Branch)" : fineTitle]
                + [own.auc, own.ap, own.abnormalAUC, own.abnormalAP].map { Decimals.percent($0) }
        }
        return Self.table([["frame level, %", "AUC", "AP", "Ano-AUC", "Ano-AP"]] + rows) + [
            "  Ano-AUC and Ano-AP: the abnormal videos alone."
                // One's own videos are in no paper.
                + (document.headline == nil ? "" : " Headlines of the paper: \(headlines).")
        ]
    }

    private var fineTitle: String { document.kind == .vadCLIP ? "fine score (A-Branch)" : "fine score (refined)" }

    /// What the model's authors tell first of each benchmark.
    private var headlines: String {
        let readout = document.kind.readout
        return [("UCF-Crime", Benchmark.ucfCrime), ("XD-Violence", .xdViolence)].map { title, benchmark in
            "\(title) \(readout.headline(on: benchmark.name).rawValue) \(benchmark.isHeadedByAP ? "AP" : "AUC")"
        }.joined(separator: ", ")
    }

    private var detection: [String] {
        let rows = DetectionProtocol.allCases.map { kind in
            let own = evaluation.map(kind)
            return ["\(kind.title)\(own.isVoid ? " (a class has no proposal)" : "")"]
                + (own.atOverlap + [own.average]).map { Decimals.text($0, 2) }
        }
        return Self.table([["detection mAP at IoU, %"] + DetectionMetrics.thresholdNames + ["average"]] + rows)
    }

    private var classes: [String] {
        let rows = evaluation.detectionByClass.map { own in
            [own.label, "\(own.intervals)"]
                + (0..<DetectionMetrics.thresholds.count).map { index in Decimals.text(own.atOverlap?[index], 2) }
                + [Decimals.text(own.average, 2)]
        }
        return Self.table(
            [["AP of each class, all videos, %", "intervals"] + DetectionMetrics.thresholdNames + ["average"]] + rows)
    }

    private var thresholds: [String] {
        let own = document.thresholds
        var lines = ["thresholds of the coarse score"]
        if let best = own.bestF1 {
            lines.append(
                "  \(Decimals.threshold(best.threshold)) has the highest F1 of frames, \(Decimals.percent(best.f1))%: "
                    + "precision \(Decimals.percent(best.precision))%, recall \(Decimals.percent(best.recall))%")
        }
        let allowed = Decimals.text(own.allowedPerHour, 2)
        if let bounded = own.bounded {
            lines.append(
                "  \(Decimals.threshold(bounded.threshold)) finds \(bounded.found) of \(own.events) events with "
                    + "\(Decimals.text(bounded.falseAlarmsPerHour, 2)) false alarms an hour, of \(allowed) allowed "
                    + "(\(Decimals.text(own.hours, 1)) hours at \(Decimals.text(own.framesPerSecond, 2)) frames a second)"
            )
        } else {
            lines.append("  none gives at most \(allowed) false alarms an hour")
        }
        return lines
    }

    private var confidence: [String] {
        guard let bootstrap = document.bootstrap else { return [] }
        let rows = bootstrap.intervals.map { interval in
            let scale = interval.name == "map_average" ? 1.0 : 100
            return [interval.name, Decimals.text(scale * interval.low, 2), Decimals.text(scale * interval.high, 2)]
        }
        return [""]
            + Self.table(
                [["95% confidence over videos, \(bootstrap.draws) draws, seed \(bootstrap.seed), %", "from", "to"]]
                    + rows)
    }

    /// Columns: the first to the left, the others to the right; the rows below the titles are moved in.
    private static func table(_ rows: [[String]]) -> [String] {
        let rows = rows.enumerated().map { $0 == 0 ? $1 : ["  \($1[0])"] + $1.dropFirst() }
        let columns = rows[0].indices
        let widths = columns.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            columns.map { column in
                let blanks = String(repeating: " ", count: widths[column] - row[column].count)
                return column == 0 ? row[column] + blanks : blanks + row[column]
            }.joined(separator: "  ")
        }
    }
}
