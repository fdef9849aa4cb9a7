import Platform
import Reports

/// The charts of an evaluation, each an SVG of its own.
public struct EvaluationCharts: Sendable {
    private let document: EvaluationDocument
    private var evaluation: Evaluation { document.evaluation }

    /// The charts of this evaluation.
    public init(_ document: EvaluationDocument) { self.document = document }

    /// Names of ``files``.
    public static let fileNames = [
        "roc.svg", "precision-recall.svg", "false-alarms.svg", "confusion-videos.svg", "confusion-snippets.svg",
    ]

    /// Names of files and what they hold, each fit to stand alone.
    public var files: [(name: String, svg: String)] {
        let confusions = confusion(alone: true)
        let charts = [roc, precisionRecall, alarms].map { $0.svg(alone: true) }
        return Array(zip(Self.fileNames, charts + [confusions.videos, confusions.snippets]))
    }

    var roc: Chart {
        Chart(
            title: "ROC, frames", x: .share("false positive rate"), y: .share("true positive rate"),
            series: Branch.allCases.map { branch in
                let points = Ranking(evaluation.videos, branch).points
                let (truths, alarms) = (
                    Double(max(1, points.last?.truths ?? 1)), Double(max(1, points.last?.alarms ?? 1))
                )
                return Chart.Series(
                    name: "\(branch.rawValue), AUC \(Decimals.percent(evaluation.frames(branch).auc))%",
                    style: branch.rawValue,
                    points: [(0, 0)] + points.map { (Double($0.alarms) / alarms, Double($0.truths) / truths) })
            }, chance: [(0, 0), (1, 1)])
    }

    /// A curve of steps: between two recalls the precision is that of the higher one.
    var precisionRecall: Chart {
        let share = Double(evaluation.anomalousFrames) / Double(max(1, evaluation.snippets * EvaluatedVideo.snippet))
        return Chart(
            title: "Precision and recall, frames", x: .share("recall"), y: .share("precision"),
            series: Branch.allCases.map { branch in
                let points = Ranking(evaluation.videos, branch).points
                let truths = Double(max(1, points.last?.truths ?? 1))
                var before = 0.0
                let steps = points.flatMap { point -> [(x: Double, y: Double)] in
                    let recall = Double(point.truths) / truths
                    let precision = Double(point.truths) / Double(max(1, point.truths + point.alarms))
                    defer { before = recall }
                    return [(before, precision), (recall, precision)]
                }
                return Chart.Series(
                    name: "\(branch.rawValue), AP \(Decimals.percent(evaluation.frames(branch).ap))%",
                    style: branch.rawValue, points: steps)
            }, chance: [(0, share), (1, share)])
    }

    /// By falling threshold, until all events are found or alarms begin to join; a rate of none stands at the left.
    var alarms: Chart {
        let own = document.thresholds
        let all = own.curve.map(\.found).max() ?? 0
        let rising = own.curve.prefix(1 + (own.curve.firstIndex { $0.found == all } ?? 0))
        let least = log10(0.5 / max(own.hours, 1e-6))
        let points = rising.map { point in
            (
                x: max(least, log10(max(point.falseAlarmsPerHour, 1e-9))),
                y: Double(point.found) / Double(max(1, own.events))
            )
        }
        let most = points.map(\.x).max() ?? least
        return Chart(
            title: "Events found, alarms of the coarse score",
            x: .powers(Int(least.rounded(.down)), Int(most.rounded(.up)), "false alarms an hour"),
            y: .share("share of \(own.events) events found"),
            series: [Chart.Series(name: "as the threshold falls", style: "good", points: points)])
    }

    /// Confusion matrices: a row a true class, its share in each class that is said.
    func confusion(alone: Bool = false) -> (videos: String, snippets: String) {
        let confusion = Confusion(evaluation.videos, classes: evaluation.classes.count)
        return (
            Self.matrix("Videos: label, class said", confusion.videos, evaluation.classes, alone: alone),
            Self.matrix("Snippets: annotated class, class said", confusion.snippets, evaluation.classes, alone: alone)
        )
    }

    /// How wide a matrix of so many classes is, its texts as large as those of other charts.
    static func matrixWidth(classes: Int) -> Int { matrixLeft + cell(classes) * classes + 40 }

    private static let matrixLeft = 104

    private static func cell(_ classes: Int) -> Int { classes > 24 ? 18 : 34 }

    /// The class of a count's text, which stands out from its cell in the light and in the dark.
    static func style(ofShare share: Double) -> String { share > 0.85 ? "on" : share > 0.6 ? "half" : "" }

    private static func matrix(_ title: String, _ rows: [[Int]], _ classes: [String], alone: Bool) -> String {
        let (cell, left, top) = (cell(classes.count), matrixLeft, 120)
        let (width, height) = (matrixWidth(classes: classes.count), top + cell * classes.count + 10)
        var parts: [String] = []
        for (row, counts) in rows.enumerated() {
            let all = counts.reduce(0, +)
            let y = top + row * cell
            parts.append(
                "<text class=\"soft\" x=\"\(left - 6)\" y=\"\(y + cell / 2 + 4)\" text-anchor=\"end\">"
                    + "\(Markup.escaped(short(classes[row])))</text>")
            parts.append(
                "<text class=\"soft\" transform=\"translate(\(left + row * cell + cell / 2 + 4) \(top - 6)) rotate(-60)\">"
                    + "\(Markup.escaped(short(classes[row])))</text>")
            for (column, count) in counts.enumerated() {
                let share = Double(count) / Double(max(1, all))
                let x = left + column * cell
                parts.append(
                    "<rect class=\"cell\" x=\"\(x + 1)\" y=\"\(y + 1)\" width=\"\(cell - 2)\" height=\"\(cell - 2)\" "
                        + "fill-opacity=\"\(Decimals.text(0.04 + 0.96 * share, 2))\">"
                        + "<title>\(Markup.escaped("\(classes[row]) said \(classes[column]): \(count) of \(all)"))</title></rect>"
                )
                if count > 0, cell > 20 {
                    parts.append(
                        "<text class=\"\(style(ofShare: share))\" x=\"\(x + cell / 2)\" y=\"\(y + cell / 2 + 4)\" "
                            + "text-anchor=\"middle\" font-size=\"10\">\(compact(count))</text>")
                }
            }
        }
        return Markup.svg(title, width: width, height: height, left: 8, alone: alone, parts)
    }

    private static func short(_ label: String) -> String { label.count > 15 ? label.prefix(14) + "…" : label }

    private static func compact(_ count: Int) -> String {
        count < 10_000 ? String(count) : "\(Decimals.text(Double(count) / 1000, 0))k"
    }
}
