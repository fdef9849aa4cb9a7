public import Extraction
import Jobs
import Tensors
import VadCLIP
public import Video

/// What a job came to: the logits, and what it takes to make scores, segments and provenance of them.
///
/// This is what is stored; the answers a client can ask for are made from it (`ScoreDocument`).
public struct ScoreResult: Sendable, Equatable {
    /// The model's name.
    public var model: String
    /// SHA-256 of the model file.
    public var modelSHA256: String
    /// SHA-256 of the model file that the job was accepted for, where it was scored by another.
    public var acceptedForSHA256: String?
    /// Whether the model's weights are trained.
    public var trained: Bool
    /// What is to be said of the model wherever its scores are; nil where there is nothing.
    public var caveat: String?
    /// The model's family and settings: how scores are made of the logits.
    public var kind = ModelKind.vadCLIP
    /// The snippets of a chunk, as the model cuts videos; nil in results that were stored before this was noted.
    public var length: Int?
    /// Class labels, the normal class first.
    public var labels: [String]
    /// The model's output.
    public var logits: Logits
    /// SHA-256 of the features as float32, little-endian, row after row.
    public var featuresSHA256: String
    /// Kernels that computed it.
    public var kernels: String
    /// The arithmetic of its products.
    public var compute = Compute.float32
    /// What there is to say of the video that its features were made of; nil where they came as such.
    public var source: VideoSource?
    /// Pictures of the video's segments, those that were asked for.
    public var pictures: [SegmentPicture] = []
    /// What the client asked for.
    public var options: ScoreOptions
    /// How long the job waited, in milliseconds.
    public var queuedMilliseconds: Double
    /// How long it was scored, in milliseconds.
    public var scoredMilliseconds: Double
}

/// A picture of what stands out in a segment.
public struct SegmentPicture: Sendable, Equatable {
    /// Bytes that one may have.
    static let mostBytes = 64 << 10

    /// The snippet that the segment begins at.
    public var start: Int
    /// A JPEG.
    public var jpeg: [UInt8]

    /// The picture of the segment that begins at a snippet.
    public init(start: Int, jpeg: [UInt8]) { (self.start, self.jpeg) = (start, jpeg) }
}

/// A video that features were made of.
public struct VideoSource: Sendable, Equatable {
    /// SHA-256 of the file, in hexadecimal.
    public var sha256: String
    /// Frames that came.
    public var frames: Int
    /// Frames a second, 16 a row; nil where the file knows no times.
    public var fps: Double?
    /// When each row begins and the last one ends, in seconds; empty where that is not known.
    public var times: [Double]
    /// Why not all of it came; nil where all did.
    public var truncatedBy: String?
    /// The version of ffmpeg.
    public var ffmpeg: String
    /// What kept that from everything else.
    public var isolation: String
    /// SHA-256 of the recipe by which frames became rows.
    public var recipeSHA256: String
    /// SHA-256 of the tower that made features of them.
    public var towerSHA256: String
    /// The job that made the features, where that was an earlier one with the same video.
    public var featuresOfJob: String?
}

extension VideoSource {
    /// One whose frames have come.
    ///
    /// - Parameters:
    ///   - sha256: of the file, in hexadecimal
    ///   - extraction: what was made of its frames
    ///   - outcome: how decoding went
    ///   - ffmpeg: what decoded it
    ///   - recipeSHA256: of the recipe by which frames became rows
    ///   - towerSHA256: of the tower
    public init(
        sha256: String, _ extraction: Extraction, _ outcome: VideoFrames.Outcome?, by ffmpeg: FFmpeg,
        recipeSHA256: String, towerSHA256: String
    ) {
        self.init(
            sha256: sha256, frames: extraction.frames,
            fps: extraction.rate.map { outcome?.facts.settled($0) ?? $0 }, times: extraction.times,
            truncatedBy: outcome?.cut?.rawValue, ffmpeg: ffmpeg.version, isolation: ffmpeg.isolation.rawValue,
            recipeSHA256: recipeSHA256, towerSHA256: towerSHA256)
    }
}

extension ScoreResult {
    /// The result of scoring with `model`.
    public init(
        model: Model, classes: ClassFeatures, logits: Logits, featuresSHA256: String, options: ScoreOptions,
        queued: Duration, scored: Duration
    ) {
        self.init(
            model: model.info.name, modelSHA256: model.info.sha256, trained: model.info.trained,
            caveat: model.info.caveat, kind: model.configuration.kind,
            length: model.configuration.length, labels: classes.labels, logits: logits, featuresSHA256: featuresSHA256,
            kernels: model.kernels.name, compute: model.kernels.compute,
            options: options, queuedMilliseconds: queued.milliseconds, scoredMilliseconds: scored.milliseconds)
    }
}

/// A result's numbers: what its logits come to.
public struct ScoredVideo: Sendable {
    /// What they are made from.
    public let result: ScoreResult
    /// Scores of the snippets.
    public let scores: Scores
    /// What can be said of the video as a whole.
    public let video: VideoSummary
    /// Its abnormal stretches.
    public let segments: [Segment]

    /// Makes scores, summary and segments of a result.
    public init(_ result: ScoreResult) {
        self.result = result
        scores = Scores(result.logits, labels: result.labels, readout: result.kind.readout)
        video = VideoSummary(result.logits, labels: result.labels)
        segments = scores.segments(result.options.segments)
    }

    /// The moments that pictures of segments are of, those of the highest scores first: the middle of the snippet in each that stands
    /// out most.
    ///
    /// - Parameters:
    ///   - times: when each snippet begins, and the last one ends
    ///   - most: how many there are at most
    public func moments(times: [Double], most: Int) -> [(start: Int, seconds: Double)] {
        guard times.count == scores.coarse.count + 1 else { return [] }
        let coarse = scores.coarse
        var moments: [(start: Int, seconds: Double)] = []
        for segment in segments.sorted(by: { $0.score > $1.score }).prefix(most) {
            guard let highest = (segment.start..<segment.end).max(by: { coarse[$0] < coarse[$1] }) else { continue }
            moments.append((segment.start, (times[highest] + times[highest + 1]) / 2))
        }
        return moments
    }
}
