import Platform

/// A video's segments as subtitles, which a player shows over it.
struct Subtitles {
    private let video: ReportedVideo

    init(_ video: ReportedVideo) { self.video = video }

    /// SubRip.
    var srt: [UInt8] {
        let cues = cues.enumerated().map { number, cue in
            "\(number + 1)\n\(Self.clock(cue.start, ",")) --> \(Self.clock(cue.end, ","))\n\(Self.plain(cue.text))\n\n"
        }
        return Array(cues.joined().utf8)
    }

    /// WebVTT.
    var vtt: [UInt8] {
        let cues = cues.enumerated().map { number, cue in
            "\n\(number + 1)\n\(Self.clock(cue.start, ".")) --> \(Self.clock(cue.end, "."))\n\(Markup.escaped(cue.text))\n"
        }
        return Array(("WEBVTT\n" + cues.joined()).utf8)
    }

    private var cues: [(start: Int, end: Int, text: String)] {
        video.segments.map { segment in
            let start = Self.milliseconds(video.seconds(at: segment.start))
            // No cue is empty, however short a snippet is.
            let end = max(start + 1, Self.milliseconds(video.seconds(at: segment.end)))
            return (start, end, "\(Self.line(segment.label)) \(Decimals.percent(Double(segment.score), 0))%")
        }
    }

    private static func milliseconds(_ seconds: Double?) -> Int {
        Int((min(max(seconds ?? 0, 0), 1e9) * 1_000).rounded())
    }

    /// `00:01:02,345`.
    private static func clock(_ milliseconds: Int, _ mark: String) -> String {
        func digits(_ value: Int, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let seconds = milliseconds / 1_000
        return "\(digits(seconds / 3_600, 2)):\(digits(seconds / 60 % 60, 2)):\(digits(seconds % 60, 2))\(mark)"
            + digits(milliseconds % 1_000, 3)
    }

    /// A label on one line: an empty one would end the cue.
    private static func line(_ text: String) -> String { fit(text, isOneLine: true) }

    /// Without what a player would take for a tag, or a reader for a time.
    private static func plain(_ text: String) -> String {
        let signs: [(Unicode.Scalar, String)] = [("<", "\u{2039}"), (">", "\u{203A}"), ("{", "("), ("}", ")")]
        return text.unicodeScalars.reduce(into: "") { plain, scalar in
            plain += signs.first { $0.0 == scalar }?.1 ?? String(scalar)
        }
    }
}
