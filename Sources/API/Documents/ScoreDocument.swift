import Formats
import JSON
import Scoring
import VadCLIP

/// A result as JSON and as .npy, for HTTP and the command line alike.
public struct ScoreDocument: Sendable {
    /// The numbers.
    public let scored: ScoredVideo
    /// When each snippet begins and the last one ends, in seconds, where that is known better than by a rate.
    public var times: [Double] = []
    /// Where pictures of segments are, by the snippet that the segment begins at.
    public var thumbnails: [Int: String] = [:]

    /// Makes scores, summary and segments of a result.
    public init(_ result: ScoreResult) {
        scored = ScoredVideo(result)
        // A rate that was asked for counts more than the video's own times.
        if result.options.fps == nil { times = result.source?.times ?? [] }
    }

    /// Where pictures of a job's segments are.
    static func thumbnails(of result: ScoreResult, job: String) -> [Int: String] {
        Dictionary(
            result.pictures.map { ($0.start, "/jobs/\(job)/thumbnails/\($0.start).jpg") }, uniquingKeysWith: { $1 })
    }

    var result: ScoreResult { scored.result }
    private var scores: Scores { scored.scores }
    private var video: VideoSummary { scored.video }

    /// float32 [T, 1 + K]: the coarse score, then the fine scores in the labels' order.
    public var npy: [UInt8] {
        let k = result.labels.count
        var values: [Float] = []
        values.reserveCapacity(scores.coarse.count * (1 + k))
        for (snippet, coarse) in scores.coarse.enumerated() {
            values.append(coarse)
            values += scores.fine[snippet * k..<(snippet + 1) * k]
        }
        return NPYWriter.encode(values, rows: scores.coarse.count, columns: 1 + k)
    }

    /// The result object of a job.
    public var json: [UInt8] {
        JSONWriter.document { write(to: &$0) }
    }

    /// The result object of a file that was scored without a server, with the file's name and what looked wrong in it.
    ///
    /// - Parameters:
    ///   - file: what it is called
    ///   - warnings: what was said of the features
    ///   - more: writes further members
    public func json(
        file: String, warnings: [String], and more: (inout JSONWriter) -> Void = { _ in }
    ) -> [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("file", file)
                json.member("warnings", warnings)
                members(to: &json)
                more(&json)
            }
        }
    }

    /// About how many bytes the result object takes.
    var jsonEstimate: Int { Self.jsonEstimate(result) }

    /// About how many bytes the result object of `result` takes: a number is eleven bytes and a comma at most.
    static func jsonEstimate(_ result: ScoreResult) -> Int {
        let numbers = result.logits.coarse.count + result.logits.fine.count
        return 2_048 + 12 * numbers * (result.options.logits ? 2 : 1)
    }

    /// The same of a result that is stored in so many bytes, as far as can be told before it is read: for the scores alone.
    static func jsonEstimate(outputBytes: Int) -> Int { 2_048 + 3 * outputBytes }

    /// Writes the result object.
    func write(to json: inout JSONWriter) {
        json.object { members(to: &$0) }
    }

    private func members(to json: inout JSONWriter) {
        json.member("model", result.model)
        if !result.trained { json.member("untrained", true) }
        if let caveat = result.caveat { json.member("caveat", caveat) }
        if let camera = result.options.camera { json.member("camera", camera) }
        json.member("snippets", result.logits.snippets)
        json.member("frames_per_snippet", ModelConfiguration.framesPerSnippet)
        json.member("fps", result.options.fps ?? result.source?.fps)
        if let source = result.source {
            json.member("frames", source.frames)
            json.member("truncated", source.truncatedBy != nil)
            if let cut = source.truncatedBy { json.member("truncated_by", cut) }
        }
        json.key("coarse")
        json.array(scores.coarse[...])
        json.key("fine")
        json.object { json in
            json.member("labels", result.labels)
            json.key("scores")
            json.array(scores.fine, rowsOf: result.labels.count)
        }
        if result.options.logits { writeLogits(to: &json) }
        json.key("video")
        writeVideo(to: &json)
        json.key("segments")
        writeSegments(to: &json)
        writeProvenance(to: &json)
        json.key("timings")
        json.object { json in
            json.member("queued_ms", result.queuedMilliseconds)
            json.member("scored_ms", result.scoredMilliseconds)
        }
    }

    private func writeLogits(to json: inout JSONWriter) {
        json.key("logits")
        json.object { json in
            json.key("coarse")
            json.array(result.logits.coarse[...])
            json.key("fine")
            json.array(result.logits.fine, rowsOf: result.labels.count)
        }
    }

    /// The result object's `video` alone.
    var videoJSON: [UInt8] { JSONWriter.document { writeVideo(to: &$0) } }

    /// The result object's `segments` alone.
    var segmentsJSON: [UInt8] { JSONWriter.document { writeSegments(to: &$0) } }

    private func writeSegments(to json: inout JSONWriter) {
        json.array(scored.segments) { write($1, to: &$0) }
    }

    private func writeVideo(to json: inout JSONWriter) {
        json.object { json in
            json.member("coarse", video.coarse)
            json.member("label", video.label)
            json.key("scores")
            json.object { json in
                for (label, score) in zip(result.labels, video.scores) { json.member(label, score) }
            }
        }
    }

    func write(_ segment: Segment, to json: inout JSONWriter) {
        json.object { json in
            json.member("start", segment.start)
            json.member("end", segment.end)
            if let seconds = seconds(of: segment) {
                json.member("start_seconds", seconds.start)
                json.member("end_seconds", seconds.end)
            }
            json.member("label", segment.label)
            json.member("score", segment.score)
            if let place = thumbnails[segment.start] { json.member("thumbnail", place) }
        }
    }

    /// When a segment begins and ends, in seconds; nil where neither times nor a rate are known.
    public func seconds(of segment: Segment) -> (start: Double, end: Double)? {
        if times.count == result.logits.snippets + 1, times.indices.contains(segment.end) {
            return (times[segment.start], times[segment.end])
        }
        return (result.options.fps ?? result.source?.fps).map { segment.seconds(fps: $0) }
    }

    private func writeProvenance(to json: inout JSONWriter) {
        json.key("provenance")
        json.object { json in
            json.member("vigil", Vigil.version)
            json.member("family", result.kind.family.name)
            json.member("model_sha256", result.modelSHA256)
            if let sha256 = result.acceptedForSHA256 { json.member("accepted_for_sha256", sha256) }
            json.member("features_sha256", result.featuresSHA256)
            json.member("kernels", result.kernels)
            json.member("compute", result.compute.rawValue)
            if let source = result.source {
                json.member("video_sha256", source.sha256)
                json.member("recipe_sha256", source.recipeSHA256)
                json.member("tower_sha256", source.towerSHA256)
                json.member("ffmpeg", source.ffmpeg)
                json.member("isolation", source.isolation)
                if let job = source.featuresOfJob { json.member("features_of_job", job) }
            }
        }
    }
}

/// The scores of one chunk as JSON, the same numbers as in the whole result.
struct ChunkDocument {
    /// The chunk, from 0.
    let chunk: Int
    /// Its snippets.
    let range: Range<Int>
    /// Class labels, the normal class first.
    let labels: [String]
    /// The model's family and settings.
    let kind: ModelKind
    /// The model's output for the chunk.
    let logits: Logits
    /// Whether the client asked for the logits too.
    let showsLogits: Bool

    /// The chunk object.
    var json: [UInt8] {
        let scores = Scores(logits, labels: labels, readout: kind.readout)
        var writer = JSONWriter(reserving: 512 + 12 * (scores.coarse.count + scores.fine.count) * (showsLogits ? 2 : 1))
        writer.object { json in
            json.member("chunk", chunk)
            json.member("start", range.lowerBound)
            json.member("end", range.upperBound)
            json.key("coarse")
            json.array(scores.coarse[...])
            json.key("fine")
            json.object { json in
                json.member("labels", labels)
                json.key("scores")
                json.array(scores.fine, rowsOf: labels.count)
            }
            guard showsLogits else { return }
            json.key("logits")
            json.object { json in
                json.key("coarse")
                json.array(logits.coarse[...])
                json.key("fine")
                json.array(logits.fine, rowsOf: labels.count)
            }
        }
        return writer.bytes
    }
}
