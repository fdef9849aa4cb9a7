import Reports

/// A video's scores over time against its ground truth, as SVG.
struct Timeline {
    let video: EvaluatedVideo
    /// The classes' names, which intervals show where one points at them.
    let classes: [String]
    /// Drawn as a line, where there is one.
    let threshold: Double?
    private static let width = 640, height = 70
    /// Points that a curve has at most: of the snippets of one the highest counts.
    private static let points = 320

    var svg: String {
        let frames = max(1, video.frames)
        let truths = video.intervals.map { interval in
            let range = interval.frames.clamped(to: 0..<frames)
            let begin = Double(range.lowerBound * Self.width) / Double(frames)
            let length = Double(range.count * Self.width) / Double(frames)
            return "<rect class=\"truth\" x=\"\(Decimals.text(begin, 1))\" y=\"0\" "
                + "width=\"\(Decimals.text(max(length, 1), 1))\" height=\"\(Self.height)\"><title>"
                + "\(Markup.escaped(classes[interval.label])), frames \(range.lowerBound) to \(range.upperBound)</title></rect>"
        }
        let line = threshold.map { "<path class=\"chance thin\" d=\"M0 \(Self.up($0))H\(Self.width)\"/>" } ?? ""
        return """
            <svg viewBox="0 -1 \(Self.width) \(Self.height + 2)" preserveAspectRatio="none" class="time">\
            <rect class="frame" width="\(Self.width)" height="\(Self.height)"/>\(truths.joined())\(line)\
            <path class="curve thin fine" d="\(path(video.scores(.fine)))"/>\
            <path class="curve coarse" d="\(path(video.coarse))"/></svg>
            """
    }

    private static func up(_ score: Double) -> Int { Int((Double(height) * (1 - min(max(score, 0), 1))).rounded()) }

    /// Steps: a snippet's score holds for its 16 frames.
    private func path(_ scores: [Double]) -> String {
        let count = min(scores.count, Self.points)
        guard count > 0 else { return "" }
        var path = ""
        var level: Int?
        for point in 0..<count {
            let range = point * scores.count / count..<(point + 1) * scores.count / count
            let next = Self.up(scores[range].max() ?? 0)
            // Where the score stays the line goes on.
            if next == level { continue }
            let x = range.lowerBound * Self.width / scores.count
            path += level == nil ? "M\(x) \(next)" : "H\(x)V\(next)"
            level = next
        }
        return path + "H\(Self.width)"
    }
}
