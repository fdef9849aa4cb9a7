import Extraction
import Formats
import Frames
import JSON
import Platform
import Video

/// What is to be known of a video beside its features.
struct ExtractedVideo {
    /// The file as it was when it was opened: whether it is still the same is told by this.
    struct Stamp: Equatable {
        let bytes: Int
        /// When it was last written, in nanoseconds since 1970.
        let modified: Int

        /// Nil where there is none.
        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            (bytes, modified) = (Int(status.st_size), status.modifiedNanoseconds)
        }
    }

    let container: VideoContainer
    let stamp: Stamp
    let outcome: VideoFrames.Outcome
    let ffmpeg: FFmpeg
    /// Seconds of processors that decoding took.
    let processorSeconds: Double?

    /// Nil where nothing was decoded.
    init?(_ frames: VideoFrames?, stamp: Stamp?, by ffmpeg: FFmpeg?) {
        guard let frames, let outcome = frames.outcome, let stamp, let ffmpeg else { return nil }
        (container, self.stamp, self.outcome, self.ffmpeg) = (frames.container, stamp, outcome, ffmpeg)
        processorSeconds = frames.processorSeconds
    }

    /// As a member of the file beside the features.
    func write(to json: inout JSONWriter) {
        let facts = outcome.facts
        json.key("video")
        json.object { json in
            json.member("container", container.name)
            json.member("codec", facts.codec)
            json.member("pixel_format", facts.pixelFormat)
            json.member("bytes", stamp.bytes)
            json.member("modified_ns", stamp.modified)
            json.member("frame_rate", facts.rate)
            json.member("duration_seconds", facts.duration)
            json.member("rotation", facts.rotation)
            json.member("truncated", outcome.isTruncated)
            if let cut = outcome.cut { json.member("truncated_by", cut.rawValue) }
            json.member("warnings", outcome.warnings)
            json.member("ffmpeg", ffmpeg.version)
            json.member("isolation", ffmpeg.isolation.rawValue)
        }
    }
}

/// Features of a video that were made before.
enum DoneVideo {
    /// A line for a program.
    static func json(_ input: String, outputs: [String], warnings: [String]) -> [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("file", input)
                json.member("features", outputs)
                json.member("done_before", true)
                json.member("warnings", warnings)
            }
        }
    }

    /// What is to be said of a video where all files of its features are there, made of the file as it is, by these settings
    /// and this tower; nil where they are not.
    static func warnings(
        of input: String, _ outputs: [(npy: String, json: String)], recipes: [String], tower: String
    ) -> [String]? {
        guard let stamp = ExtractedVideo.Stamp(input), outputs.count == recipes.count else { return nil }
        var warnings: [String] = []
        for (output, recipe) in zip(outputs, recipes) {
            guard let known = RecipeFile.document(output.json),
                known["recipe_sha256"]?.string?.hasBytes(of: recipe) == true,
                known["tower"]?["sha256"]?.string?.hasBytes(of: tower) == true, let video = known["video"],
                video["bytes"]?.integer == stamp.bytes, video["modified_ns"]?.integer == stamp.modified,
                isFinal(video), let digest = known["features_sha256"]?.string, has(output.npy, digest)
            else { return nil }
            // All crops are of the same frames.
            warnings = video["warnings"]?.array?.prefix(mostWarnings).compactMap(\.string) ?? []
        }
        return warnings
    }

    private static let mostWarnings = 16
    /// Of a file of features, as vigil score takes them.
    private static let mostNumbers = 256 << 20

    /// Whether decoding it again would come to the same.
    private static func isFinal(_ video: JSONValue) -> Bool {
        guard video["truncated"] != .bool(false) else { return true }
        guard let cut = video["truncated_by"]?.string else { return false }
        return [VideoFrames.Cut.damage, .limit].contains { $0.rawValue.hasBytes(of: cut) }
    }

    /// Whether a file has the features of that digest.
    private static func has(_ path: String, _ digest: String) -> Bool {
        guard let file = try? MappedFile(path: path) else { return false }
        let limits = ArrayLimits(maxElements: min(file.count / 4, mostNumbers))
        return (try? decode(file, with: NPYDecoder(limits: limits)))?.digest.hasBytes(of: digest) == true
    }
}

/// When the rows of features are, by the file beside them.
struct RecipeTimes {
    /// Frames a second, 16 a row.
    let fps: Double
    /// When each row begins, and the last one ends.
    let times: [Double]

    /// - Parameters:
    ///   - path: of the features
    ///   - array: the features, of which the file beside them has the digest: otherwise it is that of others
    init?(beside path: String, of array: DecodedArray) {
        guard let rows = array.shape.first,
            let known = RecipeFile.place(beside: path).flatMap({ RecipeFile.document($0) }),
            known["features_sha256"]?.string?.hasBytes(of: array.digest) == true, let fps = known["fps"]?.double,
            fps >= 0.001, fps <= 100_000
        else { return nil }
        let times = known["times"]?.array?.compactMap(\.double) ?? []
        self.fps = fps
        self.times = times.count == rows + 1 ? times : []
    }

    /// Times as they are written: to a millisecond.
    static func rounded(_ times: [Double]) -> [Double] { times.map { ($0 * 1_000).rounded() / 1_000 } }
}
