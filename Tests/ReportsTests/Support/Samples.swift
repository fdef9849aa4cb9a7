import Foundation
import JSON
import Testing

@testable import Reports

/// Videos with scores that are known.
enum Samples {
    static let labels = ["normal", "fighting", "road, accident"]

    /// Forty snippets of which 10 to 19 and 30 to 31 stand out.
    static func video(_ name: String = "clips/a.npy", fps: Double? = 30, labels: [String] = labels) -> ReportedVideo {
        let coarse = (0..<40).map { snippet -> Float in
            (10..<20).contains(snippet) ? 0.5 + Float(snippet) / 100 : (30..<32).contains(snippet) ? 0.9 : 0.125
        }
        let fine = coarse.flatMap { [1 - $0] + Array(repeating: $0 / 2, count: labels.count - 1) }
        var video = ReportedVideo(name: name, labels: labels, coarse: coarse, fine: fine)
        video.model = "ucf-crime"
        video.fps = fps
        video.threshold = 0.5
        (video.score, video.label) = (0.75, labels[1])
        video.classScores = labels.indices.map { $0 == 1 ? 0.75 : 0.125 }
        video.segments = [
            ReportedSegment(start: 10, end: 20, label: labels[1], score: 0.69),
            ReportedSegment(start: 30, end: 32, label: labels[labels.count - 1], score: 0.9),
        ]
        return video
    }

    static func text(_ format: ReportFormat, _ videos: ReportedVideo..., perFrame: Bool = false) throws -> String {
        String(decoding: try format.bytes(of: videos, perFrame: perFrame), as: UTF8.self)
    }

    static func json(_ format: ReportFormat, _ videos: ReportedVideo...) throws -> JSONValue {
        try JSONReader.parse(try format.bytes(of: videos), maxBytes: 1 << 24)
    }
}

/// Rows of CSV, as RFC 4180 has them.
func csvRows(_ text: String) -> [[String]] {
    var rows: [[String]] = [[]]
    var cell = ""
    var isQuoted = false
    var scalars = text.unicodeScalars.makeIterator()
    var pushed: Unicode.Scalar?
    while let scalar = pushed ?? scalars.next() {
        pushed = nil
        if isQuoted {
            guard scalar == "\"" else {
                cell.unicodeScalars.append(scalar)
                continue
            }
            let next = scalars.next()
            if next == "\"" { cell += "\"" } else { (isQuoted, pushed) = (false, next) }
            continue
        }
        switch scalar {
        case "\"": isQuoted = true
        case ",":
            rows[rows.count - 1].append(cell)
            cell = ""
        case "\r": continue
        case "\n":
            rows[rows.count - 1].append(cell)
            (cell, rows) = ("", rows + [[]])
        default: cell.unicodeScalars.append(scalar)
        }
    }
    return rows.filter { !$0.isEmpty }
}
