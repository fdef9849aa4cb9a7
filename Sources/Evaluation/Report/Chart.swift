import Reports

/// A chart of curves, as SVG.
struct Chart {
    /// A curve.
    struct Series {
        let name: String
        /// The class that colours it.
        let style: String
        /// Where it goes, in the axes' units.
        let points: [(x: Double, y: Double)]
    }

    /// An axis.
    struct Axis {
        let title: String
        let range: ClosedRange<Double>
        /// Where it has marks, and what they say.
        let marks: [(at: Double, text: String)]

        /// 0 to 1 in fifths.
        static func share(_ title: String) -> Axis {
            Axis(title: title, range: 0...1, marks: (0...5).map { (Double($0) / 5, Decimals.text(Double($0) / 5, 1)) })
        }

        /// Powers of ten, of which the points have the exponents: from `low` to `high`.
        static func powers(_ low: Int, _ high: Int, _ title: String) -> Axis {
            Axis(
                title: title, range: Double(low)...Double(max(high, low + 1)),
                marks: (low...max(high, low + 1)).map { power in
                    let digits = String(repeating: "0", count: abs(power))
                    return (Double(power), power < 0 ? "0.\(digits.dropFirst())1" : "1\(digits)")
                })
        }
    }

    let title: String
    let x: Axis
    let y: Axis
    let series: [Series]
    /// A curve of no skill, dashed.
    var chance: [(x: Double, y: Double)] = []
    private static let width = 420.0, height = 358.0
    private static let left = 52.0, right = 20.0, top = 52.0, bottom = 46.0

    /// The chart; standing alone it has its colours with it.
    func svg(alone: Bool = false) -> String {
        Markup.svg(
            title, width: Int(Self.width), height: Int(Self.height), left: Int(Self.left), alone: alone,
            [grid, dashes, curves, legend])
    }

    private func place(_ point: (x: Double, y: Double)) -> (x: Double, y: Double) {
        let across = (point.x - x.range.lowerBound) / (x.range.upperBound - x.range.lowerBound)
        let up = (point.y - y.range.lowerBound) / (y.range.upperBound - y.range.lowerBound)
        return (
            Self.left + min(max(across, 0), 1) * (Self.width - Self.left - Self.right),
            Self.height - Self.bottom - min(max(up, 0), 1) * (Self.height - Self.top - Self.bottom)
        )
    }

    private var grid: String {
        let (right, floor) = (Self.width - Self.right, Self.height - Self.bottom)
        let down = x.marks.map { mark in
            let at = Decimals.text(place((mark.at, y.range.lowerBound)).x, 1)
            return "<path class=\"grid\" d=\"M\(at) \(Self.top)V\(floor)\"/>"
                + "<text class=\"soft\" x=\"\(at)\" y=\"\(floor + 16)\" text-anchor=\"middle\">\(mark.text)</text>"
        }
        let across = y.marks.map { mark in
            let at = place((x.range.lowerBound, mark.at)).y
            return "<path class=\"grid\" d=\"M\(Self.left) \(Decimals.text(at, 1))H\(right)\"/>"
                + "<text class=\"soft\" x=\"\(Self.left - 6)\" y=\"\(Decimals.text(at + 4, 1))\" text-anchor=\"end\">"
                + "\(mark.text)</text>"
        }
        let middle = (Self.top + floor) / 2
        return (down + across).joined() + """
            <text class="soft" x="\((Self.left + right) / 2)" y="\(Self.height - 10)" text-anchor="middle">\
            \(Markup.escaped(x.title))</text>
            <text class="soft" transform="translate(13 \(middle)) rotate(-90)" text-anchor="middle">\
            \(Markup.escaped(y.title))</text>
            """
    }

    private func path(_ points: [(x: Double, y: Double)]) -> String {
        Self.thinned(points.map(place)).enumerated().map { index, point in
            "\(index == 0 ? "M" : "L")\(Decimals.text(point.x, 1)) \(Decimals.text(point.y, 1))"
        }.joined()
    }

    private var dashes: String { chance.isEmpty ? "" : "<path class=\"curve chance\" d=\"\(path(chance))\"/>" }

    private var curves: String {
        series.map { "<path class=\"curve \($0.style)\" d=\"\(path($0.points))\"/>" }.joined(separator: "\n")
    }

    /// Above the curves, wherever they go.
    private var legend: String {
        series.enumerated().map { index, one in
            let share = Double(index) / Double(series.count)
            let x = Int(Self.left + share * (Self.width - Self.left - Self.right))
            let y = Int(Self.top) - 12
            return "<path class=\"curve \(one.style)\" d=\"M\(x) \(y - 4)h18\"/>"
                + "<text x=\"\(x + 24)\" y=\"\(y)\">\(Markup.escaped(one.name))</text>"
        }.joined(separator: "\n")
    }

    /// Without the points that lie less than a pixel from the last one that is kept.
    private static func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
        var kept: [(x: Double, y: Double)] = []
        for (index, point) in points.enumerated() {
            if let last = kept.last, index + 1 < points.count, abs(last.x - point.x) + abs(last.y - point.y) < 1 {
                continue
            }
            kept.append(point)
        }
        return kept
    }
}
