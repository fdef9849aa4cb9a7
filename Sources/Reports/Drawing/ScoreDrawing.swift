import Platform

/// A video's scores as a drawing (SVG): the coarse score with the threshold and the segments, and below it a lane of each
/// abnormal class, the darker the higher.
struct ScoreDrawing {
    private let video: ReportedVideo
    /// Where the curve is.
    private static let left = 150.0, right = 944.0, top = 40.0, bottom = 220.0, width = 960
    /// Points of the curve and cells of a lane at most: of the snippets of one the highest counts.
    private static let points = 794, cells = 397
    private static let laneTop = 262.0, laneHeight = 16.0, lanes = 24
    /// Shades of a lane.
    private static let shades = 10

    init(_ video: ReportedVideo) { self.video = video }

    /// - Parameter isAlone: whether it brings its colours with it; in a page it has those of the page
    func svg(isAlone: Bool) -> String {
        let shown = shownClasses
        let height = Int(
            Self.laneTop + Double(shown.count) * Self.laneHeight + (shown.count < abnormal.count ? 30 : 14))
        let parts =
            ["<rect class=\"back\" x=\"150\" y=\"40\" width=\"794\" height=\"180\"/>"] + segments + grid + threshold
            + ["<path class=\"curve coarse\" d=\"\(curve)\"/>"] + axis
            + shown.enumerated().flatMap { lane($0.element, row: $0.offset) } + rest(height, of: shown.count)
        let style = isAlone ? "<style>\(Markup.colours)\(Markup.chartStyle)\(Self.style)\(Self.alone)</style>" : ""
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.width) \(height)" role="img" \
            aria-label="\(Markup.escaped(title))">\(style)
            <text x="150" y="24" font-weight="600">\(Markup.escaped(title))</text>
            \(parts.joined(separator: "\n"))
            </svg>

            """
    }

    private var title: String {
        let name = fit(video.baseName, isOneLine: true)
        let shown = name.count > 60 ? String(name.prefix(59)) + "…" : name
        let score = Decimals.text(Double(video.score), 3)
        return "\(shown): highest snippets \(score) in the mean, \(fit(video.label, isOneLine: true))"
    }

    /// How the drawing looks beside what all charts share.
    static let style = """
        svg .back { fill: var(--panel); stroke: var(--line) } svg .event { fill: var(--truth); opacity: .2 }
        svg .event:hover { opacity: .4 } svg .shade { fill: var(--fine) } svg .limit { stroke: var(--soft); \
        stroke-dasharray: 5 4; fill: none }

        """
    private static let alone = "svg { background: var(--page) }\n"

    private func x(_ snippet: Int) -> Double {
        Self.left + (Self.right - Self.left) * Double(snippet) / Double(max(video.snippets, 1))
    }

    private static func y(_ score: Float) -> Double { bottom - (bottom - top) * Double(min(max(score, 0), 1)) }

    private static func text(_ value: Double) -> String { Decimals.text(value, 1) }

    /// Steps: a snippet's score holds for all of it.
    private var curve: String {
        var path = ""
        var level = ""
        for range in ranges(Self.points) {
            let next = Self.text(Self.y(video.coarse[range].max() ?? 0))
            // Where the score stays the line goes on.
            guard next != level else { continue }
            let place = Self.text(x(range.lowerBound))
            path += path.isEmpty ? "M\(place) \(next)" : "H\(place)V\(next)"
            level = next
        }
        return path.isEmpty ? "" : path + "H\(Self.text(Self.right))"
    }

    /// All snippets in `most` parts at most.
    private func ranges(_ most: Int) -> [Range<Int>] {
        let count = min(video.snippets, most)
        return (0..<count).map { $0 * video.snippets / count..<($0 + 1) * video.snippets / count }
    }

    private var segments: [String] {
        video.segments.map { segment in
            let start = x(segment.start)
            return "<rect class=\"event\" x=\"\(Self.text(start))\" y=\"40\" "
                + "width=\"\(Self.text(max(1, x(segment.end) - start)))\" height=\"180\"><title>"
                + Markup.escaped(
                    "\(fit(segment.label, isOneLine: true)) \(Decimals.text(Double(segment.score), 3)), "
                        + "snippets \(segment.start) to \(segment.end)")
                + "</title></rect>"
        }
    }

    private var grid: [String] {
        [Float(0), 0.25, 0.5, 0.75, 1].map { score in
            let height = Self.text(Self.y(score))
            return
                "<path class=\"grid\" d=\"M150 \(height)H944\"/><text class=\"soft\" x=\"142\" y=\"\(height)\" dy=\"4\" "
                + "text-anchor=\"end\">\(Decimals.text(Double(score), 2))</text>"
        }
    }

    private var threshold: [String] {
        guard let threshold = video.threshold else { return [] }
        let height = Self.text(Self.y(threshold))
        return ["<path class=\"limit\" d=\"M150 \(height)H944\"><title>threshold \(threshold)</title></path>"]
    }

    /// Five places of time, or of snippets where times are not known.
    private var axis: [String] {
        (0...4).map { part in
            let snippet = part * video.snippets / 4
            let anchor = part == 0 ? "start" : part == 4 ? "end" : "middle"
            let told = video.seconds(at: snippet).map { ClockText.of($0) } ?? "snippet \(snippet)"
            return
                "<text class=\"soft\" x=\"\(Self.text(x(snippet)))\" y=\"238\" text-anchor=\"\(anchor)\">\(told)</text>"
        }
    }

    private var abnormal: Range<Int> { min(1, video.labels.count)..<video.labels.count }

    /// The abnormal classes in their order; of very many the ones that stand out most.
    private var shownClasses: [Int] {
        guard abnormal.count > Self.lanes else { return Array(abnormal) }
        let highest = abnormal.map { label in
            (label, (0..<video.snippets).reduce(Float(0)) { max($0, video.fine($1, label)) })
        }
        return highest.sorted { $0.1 > $1.1 }.prefix(Self.lanes).map(\.0).sorted()
    }

    private func lane(_ label: Int, row: Int) -> [String] {
        let top = Self.text(Self.laneTop + Double(row) * Self.laneHeight - 10)
        let name = fit(video.labels[label], isOneLine: true)
        let shown = name.count > 20 ? String(name.prefix(19)) + "…" : name
        var parts = [
            "<text class=\"soft\" x=\"142\" y=\"\(top)\" dy=\"11\" text-anchor=\"end\">\(Markup.escaped(shown))</text>"
        ]
        var begun: (shade: Int, start: Int)?
        func end(at snippet: Int) {
            guard let (shade, start) = begun, shade > 0 else { return }
            parts.append(
                "<rect class=\"shade\" x=\"\(Self.text(x(start)))\" y=\"\(top)\" "
                    + "width=\"\(Self.text(x(snippet) - x(start)))\" height=\"14\" opacity=\"\(Decimals.text(Double(shade) / Double(Self.shades), 1))\"/>"
            )
        }
        for range in ranges(Self.cells) {
            let score = range.reduce(Float(0)) { max($0, video.fine($1, label)) }
            let shade = Int((min(max(score, 0), 1) * Float(Self.shades)).rounded())
            guard shade != begun?.shade else { continue }
            end(at: range.lowerBound)
            begun = (shade, range.lowerBound)
        }
        end(at: video.snippets)
        return parts
    }

    private func rest(_ height: Int, of shown: Int) -> [String] {
        guard shown < abnormal.count else { return [] }
        return ["<text class=\"soft\" x=\"150\" y=\"\(height - 10)\">and \(abnormal.count - shown) classes more</text>"]
    }
}

/// Moments of a video for people.
enum ClockText {
    /// m:ss.t, and h:mm:ss.t from an hour on.
    static func of(_ seconds: Double) -> String {
        let tenths = Int((min(max(seconds, 0), 1e12) * 10).rounded())
        let (hours, minutes, rest) = (tenths / 36_000, tenths / 600 % 60, tenths % 600)
        let begin = hours == 0 ? "" : "\(hours):\(minutes < 10 ? "0" : "")"
        return "\(begin)\(minutes):\(rest < 100 ? "0" : "")\(rest / 10).\(rest % 10)"
    }
}
