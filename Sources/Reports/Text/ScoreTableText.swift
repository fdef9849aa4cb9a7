import Platform

/// Scores as rows of text between commas (RFC 4180), of one video after another under one line of titles.
public struct ScoreTableText: Sendable {
    private let perFrame: Bool
    private var labels: [String]?
    private var isSweep: Bool?

    /// A table that has no video yet.
    ///
    /// - Parameter perFrame: a row for each frame in place of each snippet
    public init(perFrame: Bool = false) { self.perFrame = perFrame }

    /// The rows of the next video, behind the titles where it is the first. Where it has a sweep they are that's.
    public mutating func next(_ video: ReportedVideo) throws(ReportError) -> [UInt8] {
        var text: [UInt8] = []
        if let labels {
            guard ByteText.same(labels, video.labels) else { throw .otherLabels(name: video.name) }
        } else {
            labels = video.labels
            text += Self.row(titles(of: video))
        }
        return text + (video.sweep.isEmpty ? scores(of: video) : sweep(of: video))
    }

    private func titles(of video: ReportedVideo) -> [String] {
        guard video.sweep.isEmpty else { return ["file", "threshold", "segments", "snippets", "share"] }
        let place = perFrame ? ["frame", "seconds"] : ["snippet", "start_seconds", "end_seconds"]
        return ["file"] + place + ["coarse"] + video.labels.map(Self.noFormula)
    }

    private func scores(of video: ReportedVideo) -> [UInt8] {
        let name = Self.cell(Self.noFormula(video.name))
        let k = video.labels.count
        // A snippet's scores are those of each of its frames.
        let numbers = (0..<video.snippets).map { snippet in
            ([video.coarse[snippet]] + video.fine[snippet * k..<(snippet + 1) * k]).map { "\($0)" }
                .joined(separator: ",")
        }
        var text: [UInt8] = []
        for row in 0..<(perFrame ? video.scoredFrames : video.snippets) {
            let snippet = perFrame ? row / video.framesPerSnippet : row
            let times = perFrame ? [video.seconds(atFrame: row)] : [video.seconds(at: row), video.seconds(at: row + 1)]
            let told = times.map { $0.map { Self.seconds($0) } ?? "" }.joined(separator: ",")
            text += "\(name),\(row),\(told),\(numbers[snippet])\r\n".utf8
        }
        return text
    }

    private func sweep(of video: ReportedVideo) -> [UInt8] {
        video.sweep.reduce(into: []) { text, step in
            let share = Double(step.snippets) / Double(max(video.snippets, 1))
            text += Self.row([
                Self.noFormula(video.name), "\(step.threshold)", "\(step.segments)", "\(step.snippets)",
                Self.seconds(share),
            ])
        }
    }

    /// To a thousandth at least.
    private static func seconds(_ value: Double) -> String { Decimals.text(value, 3) }

    /// Cells as a line.
    package static func row(_ cells: [String]) -> [UInt8] {
        Array((cells.map(cell).joined(separator: ",") + "\r\n").utf8)
    }

    /// A name, which comes from others, with an apostrophe before what a spreadsheet would take for a formula.
    package static func noFormula(_ name: String) -> String {
        guard let first = name.utf8.first, "=+-@\t\r".utf8.contains(first) else { return name }
        return "'" + name
    }

    /// A cell: between marks where it has a comma, a mark or the end of a line in it.
    private static func cell(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            byte != UInt8(ascii: ",") && byte != UInt8(ascii: "\"") && byte != ASCII.lineFeed
                && byte != ASCII.carriageReturn
        }
        if isPlain { return text }
        let pieces = text.pieces(between: UInt8(ascii: "\""))
        return "\"" + pieces.joined(separator: "\"\"") + "\""
    }
}
