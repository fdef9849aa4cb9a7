import JSON
import Platform

/// Segments as tracks of DIVE's, each a box of the whole frame: as its own JSON (version 2), and as VIAME's CSV.
struct DIVETracks {
    private let video: ReportedVideo

    init(_ video: ReportedVideo) { self.video = video }

    /// A track has two frames, and what is between them is the same.
    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.key("tracks")
                json.object { json in
                    for (id, segment) in video.segments.enumerated() {
                        json.key(String(id))
                        track(id, segment, to: &json)
                    }
                }
                json.key("groups")
                json.object { _ in }
                json.member("version", 2)
                if let fps = video.fps { json.member("fps", fps) }
            }
        }
    }

    private func track(_ id: Int, _ segment: ReportedSegment, to json: inout JSONWriter) {
        let frames = video.frames(of: segment)
        let last = frames.upperBound - 1
        json.object { json in
            json.member("id", id)
            json.member("begin", frames.lowerBound)
            json.member("end", last)
            json.key("confidencePairs")
            json.array([segment]) { json, segment in
                json.array([0, 1]) { json, place in
                    if place == 0 { json.string(segment.label) } else { json.number(segment.score) }
                }
            }
            json.key("attributes")
            json.object { _ in }
            json.key("meta")
            json.object { _ in }
            json.key("features")
            json.array(frames.lowerBound == last ? [last] : [frames.lowerBound, last]) { json, frame in
                json.object { json in
                    json.member("frame", frame)
                    json.key("bounds")
                    json.array([0, 0, video.box.width, video.box.height]) { $0.number($1) }
                    json.member("keyframe", true)
                    json.member("interpolate", frames.lowerBound != last)
                }
            }
        }
    }

    /// A row a frame: nothing says there that what is between two of them is the same.
    var csv: [UInt8] {
        var text = ScoreTableText.row([
            "# 1: Detection or Track-id", "2: Video or Image Identifier", "3: Unique Frame Identifier",
            "4-7: Img-bbox(TL_x", "TL_y", "BR_x", "BR_y)", "8: Detection or Length Confidence",
            "9: Target Length (0 or -1 if invalid)", "10-11+: Repeated Species", "Confidence Pairs or Attributes",
        ])
        var facts = ["# metadata"]
        if let fps = video.fps { facts.append("fps: \(fps)") }
        text += ScoreTableText.row(facts + ["exported_by: \"vigil\""])
        for (id, segment) in video.segments.enumerated() {
            for frame in video.frames(of: segment) {
                text += ScoreTableText.row([
                    "\(id)", video.seconds(atFrame: frame).map { Self.clock($0) } ?? "", "\(frame)", "0", "0",
                    "\(video.box.width)", "\(video.box.height)", "\(segment.score)", "-1", segment.label,
                    "\(segment.score)",
                ])
            }
        }
        return text
    }

    /// `00:01:02.345678`.
    private static func clock(_ seconds: Double) -> String {
        let parts = seconds.isNaN ? 0 : Int((min(max(seconds, 0), 1e9) * 1_000_000).rounded())
        func digits(_ value: Int, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let whole = parts / 1_000_000
        return "\(digits(whole / 3_600, 2)):\(digits(whole / 60 % 60, 2)):\(digits(whole % 60, 2))."
            + digits(parts % 1_000_000, 6)
    }
}
