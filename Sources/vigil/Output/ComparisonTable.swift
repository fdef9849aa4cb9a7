import API
import Scoring
import VadCLIP

/// What two models made of a file as a person reads it on a terminal: how far they differ, both curves side by side, and the
/// segments that only one of them has.
struct ComparisonTable {
    let file: String
    let document: ComparisonDocument
    /// The most lines of the chart; longer videos have several snippets a line, of which each model's highest counts.
    var chartLines = 24
    var columns = 80

    private var comparison: ScoreComparison { document.comparison }

    var text: String { ([file] + header + [""] + chart + [""] + segments).joined(separator: "\n") }

    private var header: [String] {
        let snippets = comparison.first.result.logits.snippets
        return [
            name("first", comparison.first), name("second", comparison.second),
            "  snippets  \(snippets) of 16 frames",
            "  coarse    \(told(comparison.coarseDifference))",
            "  fine      \(comparison.fineDifference.map(told) ?? "the models tell other classes apart")",
        ]
    }

    private func name(_ place: String, _ video: ScoredVideo) -> String {
        let result = video.result
        let caution = ModelInfo.caution(trained: result.trained, caveat: result.caveat).map { "  (\($0))" } ?? ""
        return "  \(TableText.padded(place, to: 8))  \(result.model)@\(result.modelSHA256.prefix(8)), abnormal "
            + "\(TableText.percent(video.video.coarse)), \(video.video.label)\(caution)"
    }

    private func told(_ difference: ScoreComparison.Difference) -> String {
        "differs by \(points(difference.mean)) in the mean, at most \(points(difference.largest, signed: true)) at snippet "
            + "\(difference.snippet)"
    }

    /// A difference of scores in hundredths, to a tenth.
    private func points(_ value: Float, signed: Bool = false) -> String {
        let tenths = Int((value.magnitude * 1_000).rounded())
        let sign = !signed || tenths == 0 ? "" : value < 0 ? "-" : "+"
        return "\(sign)\(tenths / 10).\(tenths % 10) points"
    }

    private var chart: [String] {
        let (first, second) = (comparison.first.scores.coarse, comparison.second.scores.coarse)
        let step = max(1, (first.count + chartLines - 1) / chartLines)
        let digits = String(first.count).count
        let room = max(5, (min(columns, 120) - 2 * digits - 26) / 2)
        return stride(from: 0, to: first.count, by: step).map { start in
            let range = start..<min(start + step, first.count)
            let name = TableText.padded(
                step == 1 ? String(start) : "\(start)-\(range.upperBound - 1)", to: 2 * digits + 1)
            let (one, other) = (first[range].max() ?? 0, second[range].max() ?? 0)
            let change = Int((other * 100).rounded()) - Int((one * 100).rounded())
            let told = change == 0 ? "" : change < 0 ? "  \(change)" : "  +\(change)"
            return "  \(name)  \(TableText.percent(one, width: 4)) "
                + "\(TableText.padded(TableText.bar(one, room), to: room)) | \(TableText.percent(other, width: 4)) "
                + (told.isEmpty
                    ? TableText.bar(other, room) : TableText.padded(TableText.bar(other, room), to: room) + told)
        }
    }

    private var segments: [String] {
        let rows = comparison.lost.map { row("lost", $0) } + comparison.gained.map { row("gained", $0) }
        guard !rows.isEmpty else { return ["  both have the same segments, or parts of each other's"] }
        let hasTimes = rows.contains { !$0[2].isEmpty }
        return TableText.aligned([["", "snippets (end excluded)", hasTimes ? "time" : "", "score", "label"]] + rows)
    }

    private func row(_ what: String, _ segment: Segment) -> [String] {
        let time = document.seconds(of: segment).map { seconds -> String in
            "\(TableText.clock(seconds.start)) - \(TableText.clock(seconds.end))"
        }
        let score = TableText.percent(segment.score)
        return [what, "\(segment.start) - \(segment.end)", time ?? "", score, segment.label]
    }
}
