import Extraction
import Frames
import JSON
import Platform
import Video

/// What a video holds, for `vigil inspect`: each of its frames is decoded.
struct VideoReport {
    private let path: String
    private let file: VideoFile
    private let outcome: VideoFrames.Outcome
    private let ffmpeg: FFmpeg

    /// Nil where a file is no video.
    init?(_ path: String, _ options: VideoOptions) throws(Failure) {
        guard VideoOptions.isVideo(path), let ffmpeg = try options.ffmpeg(for: [path]) else { return nil }
        let bar = ExtractBar(name: path)
        defer { bar.clear() }
        do throws(FrameError) {
            let file = try VideoFile(path: path)
            outcome = try VideoLook(file, by: ffmpeg).all { bar.show($0, of: $1) }
            self.file = file
        } catch {
            throw Failure(error.kind == .unreadable ? .noInput : .badData, "\(path): \(error.reason)")
        }
        (self.path, self.ffmpeg) = (path, ffmpeg)
    }

    private var facts: VideoFacts { outcome.facts }
    private var warnings: [String] {
        outcome.warnings + [Cadence.frames.advice(rate: facts.rate)].compactMap { $0 }
    }

    /// Seconds from the first frame to the end of the last one.
    private var seconds: Double? {
        facts.times.map { $0.upperBound - $0.lowerBound + (facts.steps?.upperBound ?? 1 / (facts.rate ?? 25)) }
    }

    /// A line a fact.
    var text: [UInt8] {
        var lines = [("kind", "video (\(file.container.name))"), ("codec", facts.codec ?? "unknown")]
        lines.append(("frames", String(facts.frames)))
        lines.append(("size", facts.sizes.map(\.description).joined(separator: ", ")))
        if let rate = facts.rate {
            lines.append(("rate", "\(TableText.rate(rate)) a second" + (facts.isVariable ? ", variable" : "")))
        }
        if let seconds { lines.append(("length", TableText.clock(seconds))) }
        if let format = facts.pixelFormat { lines.append(("pixels", format)) }
        if let transfer = facts.transfer, facts.isHDR { lines.append(("range", "high (\(transfer))")) }
        if let rotation = facts.rotation {
            lines.append(("turned", "by \(Int(rotation.rounded())) degrees, which is undone"))
        }
        lines += [("bytes", String(file.count)), ("decoder", "ffmpeg \(ffmpeg.version), \(ffmpeg.isolation.rawValue)")]
        lines += warnings.map { ("warning", $0) }
        let advice = facts.frames < Self.framesOfRow ? Self.adviceOnShort : Self.advice
        let text = lines.map { $0 + String(repeating: " ", count: 9 - $0.count) + $1 } + ["", advice]
        return Array(text.joined(separator: "\n").utf8)
    }

    /// What to do with it.
    private static let advice =
        "vigil score scores it, by a model that was imported with --keep-image-tower; vigil extract keeps its features"
    private static let framesOfRow = 16
    private static let adviceOnShort =
        "it has fewer frames than the \(framesOfRow) of a row: vigil score and vigil extract take it with "
        + "--tail keep, which makes a row of them"

    /// The same for a program.
    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("file", path)
                json.member("kind", "video")
                json.member("container", file.container.name)
                json.member("codec", facts.codec)
                json.member("frames", facts.frames)
                json.member("sizes", facts.sizes.map(\.description))
                json.member("frame_rate", facts.rate)
                json.member("variable_rate", facts.isVariable)
                json.member("seconds", seconds)
                json.member("pixel_format", facts.pixelFormat)
                json.member("hdr", facts.isHDR)
                json.member("rotation", facts.rotation)
                json.member("interlaced", facts.isInterlaced)
                json.member("truncated", outcome.isTruncated)
                json.member("bytes", file.count)
                json.member("ffmpeg", ffmpeg.version)
                json.member("isolation", ffmpeg.isolation.rawValue)
                json.member("warnings", warnings)
            }
        }
    }
}
