import API
import Scoring
import VadCLIP

/// A result as a person reads it on a terminal: the video, a bar chart of the coarse scores, the segments.
struct ScoreTable {
    let file: String
    let document: ScoreDocument
    /// The most lines of the chart; longer videos have several snippets a line, of which the highest counts.
    var chartLines = 24
    var columns = 80

    var text: String {
        var lines = header
        lines.append("")
        lines += chart
        lines.append("")
        lines += segments
        return lines.joined(separator: "\n")
    }

    private var result: ScoreResult { document.scored.result }

    private var header: [String] {
        let caution = ModelInfo.caution(trained: result.trained, caveat: result.caveat).map { "  (\($0))" } ?? ""
        let scores = zip(result.labels, document.scored.video.scores).sorted { $0.1 > $1.1 }.prefix(3)
            .map { "\($0) \(TableText.percent($1))" }.joined(separator: ", ")
        return [
            file,
            "  model     \(result.model)\(caution)",
            "  snippets  \(result.logits.snippets) of 16 frames" + duration,
            "  abnormal  \(TableText.percent(document.scored.video.coarse))",
            "  classes   \(scores)",
        ]
    }

    private var duration: String {
        guard let fps = result.options.fps else { return "" }
        return
            ", \(TableText.clock(Double(result.logits.snippets * 16) / fps)) at \(TableText.rate(fps)) frames a second"
    }

    private var chart: [String] {
        let coarse = document.scored.scores.coarse
        let step = max(1, (coarse.count + chartLines - 1) / chartLines)
        let digits = String(coarse.count).count
        let room = max(10, min(columns, 120) - 2 * digits - 14)
        return stride(from: 0, to: coarse.count, by: step).map { start in
            let end = min(start + step, coarse.count)
            let highest = coarse[start..<end].max() ?? 0
            let name = TableText.padded(step == 1 ? String(start) : "\(start)-\(end - 1)", to: 2 * digits + 1)
            return "  \(name)  \(TableText.percent(highest, width: 4)) \(TableText.bar(highest, room))"
        }
    }

    private var segments: [String] {
        guard !document.scored.segments.isEmpty else {
            return ["  no segment reaches \(result.options.segments.threshold)"]
        }
        let rows = document.scored.segments.map { segment in
            let seconds = document.seconds(of: segment).map { time -> String in
                "\(TableText.clock(time.start)) - \(TableText.clock(time.end))"
            }
            return [
                "\(segment.start) - \(segment.end)", seconds ?? "", TableText.percent(segment.score), segment.label,
            ]
        }
        let titles = [
            "snippets (end excluded)", result.options.fps == nil && document.times.isEmpty ? "" : "time", "score",
            "label",
        ]
        return TableText.aligned([titles] + rows)
    }
}

/// Parts of tables.
enum TableText {
    /// A bar of a score, in eighths of a column.
    static func bar(_ score: Float, _ room: Int) -> String {
        let eighths = Int((score * Float(room) * 8).rounded())
        let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        return String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
    }

    /// A score in hundredths.
    static func percent(_ value: Float, width: Int = 0) -> String {
        let text = "\(Int((value * 100).rounded()))%"
        return String(repeating: " ", count: max(0, width - text.count)) + text
    }

    /// Frames a second, as short as they can be told.
    static func rate(_ fps: Double) -> String { "\((fps * 1_000).rounded() / 1_000)" }

    /// Text with blanks behind it.
    static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// Rows of as many cells each, in columns; those without any text are left out.
    static func aligned(_ rows: [[String]]) -> [String] {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).filter { $1 > 0 }.map { padded($0, to: $1) }
            return "  " + String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }
    }

    /// m:ss.t, and h:mm:ss.t from an hour on.
    static func clock(_ seconds: Double) -> String {
        let tenths = Int((min(seconds, 1e12) * 10).rounded())
        let (hours, minutes, rest) = (tenths / 36_000, tenths / 600 % 60, tenths % 600)
        let begin = hours == 0 ? "" : "\(hours):\(minutes < 10 ? "0" : "")"
        return "\(begin)\(minutes):\(rest < 100 ? "0" : "")\(rest / 10).\(rest % 10)"
    }
}
