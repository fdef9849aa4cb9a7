public import JSON
import Platform

/// What a video was scored as, in plain values: what every report is written from, wherever the scores come from.
public struct ReportedVideo: Sendable, Equatable {
    /// What it is called: the path of its file, or what a server calls it.
    public var name: String
    /// The model's name.
    public var model = ""
    /// What is to be said of the model wherever its scores are; nil where there is nothing.
    public var caution: String?
    /// Class labels, the normal class first.
    public var labels: [String]
    /// Coarse scores, one a snippet.
    public var coarse: [Float]
    /// Scores of the classes, as many rows as snippets, in the labels' order.
    public var fine: [Float]
    /// Frames of a snippet.
    public var framesPerSnippet = 16
    /// Frames of the video, where they are known.
    public var frames: Int?
    /// Its frames' width and height, where they are known.
    public var size: ReportedSize?
    /// Frames a second, where they are known.
    public var fps: Double?
    /// When each snippet begins and the last one ends, in seconds, where that is known better than by a rate; else empty.
    public var times: [Double] = []
    /// The threshold that segments were cut by, where it is known.
    public var threshold: Float?
    /// How abnormal the whole of it is: the mean of its highest snippets.
    public var score: Float = 0
    /// The class of the whole of it.
    public var label = ""
    /// Scores of the classes for the whole of it, in the labels' order.
    public var classScores: [Float] = []
    /// Its abnormal stretches, in order.
    public var segments: [ReportedSegment] = []
    /// What stands out at other thresholds, where that was asked for.
    public var sweep: [SweepStep] = []
    /// What looked wrong.
    public var warnings: [String] = []
    /// Where the scores come from, by name.
    public var provenance: [Fact] = []

    /// A name and what it is.
    public struct Fact: Sendable, Equatable {
        /// What it is called.
        public var name: String
        /// What it is.
        public var value: String

        /// A name and what it is.
        public init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
    }

    /// Scores of a video that has no segments yet.
    public init(name: String, labels: [String], coarse: [Float], fine: [Float]) {
        precondition(fine.count == coarse.count * labels.count, "a score a snippet for each class")
        (self.name, self.labels, self.coarse, self.fine) = (name, labels, coarse, fine)
    }
}

/// Width and height of frames.
public struct ReportedSize: Sendable, Equatable {
    /// Pixels from left to right.
    public var width: Int
    /// Pixels from top to bottom.
    public var height: Int

    /// Frames of this size.
    public init(width: Int, height: Int) { (self.width, self.height) = (width, height) }
}

/// An abnormal stretch of a video.
public struct ReportedSegment: Sendable, Equatable {
    /// Its first snippet.
    public var start: Int
    /// The snippet behind its last one.
    public var end: Int
    /// Its class.
    public var label: String
    /// Its highest coarse score.
    public var score: Float
    /// A JPEG of what stands out in it, where there is one.
    public var picture: [UInt8]?

    /// A stretch of at least one snippet.
    public init(start: Int, end: Int, label: String, score: Float) {
        (self.start, self.end, self.label, self.score) = (start, end, label, score)
    }

    /// Whether bytes that came from elsewhere are a JPEG, of a size that pictures of segments have.
    public static func isPicture(_ bytes: [UInt8]) -> Bool {
        bytes.count <= 1 << 20 && bytes.starts(with: [0xFF, 0xD8, 0xFF])
    }
}

/// What stands out at a threshold.
public struct SweepStep: Sendable, Equatable {
    /// The threshold.
    public var threshold: Float
    /// Segments at it.
    public var segments: Int
    /// Snippets in these.
    public var snippets: Int

    /// What stands out at a threshold.
    public init(threshold: Float, segments: Int, snippets: Int) {
        (self.threshold, self.segments, self.snippets) = (threshold, segments, snippets)
    }
}

extension ReportedVideo {
    /// Snippets.
    public var snippets: Int { coarse.count }

    /// When a snippet begins, or the one before it ends, in seconds; nil where neither times nor a rate are known.
    public func seconds(at snippet: Int) -> Double? {
        if times.count == snippets + 1, times.indices.contains(snippet) { return times[snippet] }
        return fps.map { Double(snippet * framesPerSnippet) / $0 }
    }

    /// Seconds of the whole of it.
    public var seconds: Double? { seconds(at: snippets) }

    /// Frames that have a score: a snippet's is that of each of its frames.
    public var scoredFrames: Int { min(snippets * framesPerSnippet, frames ?? .max) }

    /// When a frame is, in seconds.
    func seconds(atFrame frame: Int) -> Double? {
        let snippet = frame / framesPerSnippet
        guard let start = seconds(at: snippet), let end = seconds(at: snippet + 1) else { return nil }
        return start + (end - start) * Double(frame % framesPerSnippet) / Double(framesPerSnippet)
    }

    /// The frames of a segment, the last one excluded.
    func frames(of segment: ReportedSegment) -> Range<Int> {
        let start = segment.start * framesPerSnippet
        return start..<max(start + 1, min(segment.end * framesPerSnippet, scoredFrames))
    }

    /// The snippet of a segment that stands out most, the first of equal ones.
    func highest(of segment: ReportedSegment) -> Int {
        (segment.start..<segment.end).reduce(segment.start) { coarse[$1] > coarse[$0] ? $1 : $0 }
    }

    /// Fine score of a class at a snippet.
    func fine(_ snippet: Int, _ label: Int) -> Float { fine[snippet * labels.count + label] }

    /// The last part of the name, without folders.
    var baseName: String {
        name.utf8.split(separator: ASCII.slash).last.map { String(Substring($0)) } ?? name
    }
}

extension ReportedVideo {
    /// What the result object of a job says, as a server answers it; nil where that is no whole result.
    ///
    /// - Parameters:
    ///   - name: what the video is to be called
    ///   - result: the object, its numbers of any size that JSON has
    public init?(_ name: String, result: JSONValue) {
        guard let labels = result["fine"]?["labels"]?.array?.compactMap(\.string), !labels.isEmpty,
            let rows = result["fine"]?["scores"]?.array,
            let coarse = Self.floats(result["coarse"]), rows.count == coarse.count
        else { return nil }
        var fine: [Float] = []
        for row in rows {
            guard let scores = Self.floats(row), scores.count == labels.count else { return nil }
            fine += scores
        }
        self.init(name: name, labels: labels, coarse: coarse, fine: fine)
        model = result["model"]?.string ?? ""
        framesPerSnippet = min(max(result["frames_per_snippet"]?.integer ?? 16, 1), 1 << 20)
        frames = result["frames"]?.integer.flatMap { $0 >= 0 ? $0 : nil }
        fps = result["fps"]?.double.flatMap { $0 > 0 ? $0 : nil }
        caution = result["caveat"]?.string
        score = result["video"]?["coarse"]?.double.map { Float($0) } ?? 0
        label = result["video"]?["label"]?.string ?? ""
        classScores = labels.map { label in Float(result["video"]?["scores"]?[label]?.double ?? 0) }
        for one in result["segments"]?.array ?? [] {
            guard let start = one["start"]?.integer, let end = one["end"]?.integer, start >= 0, start < end,
                end <= coarse.count
            else { return nil }
            segments.append(
                ReportedSegment(
                    start: start, end: end, label: one["label"]?.string ?? "",
                    score: Float(one["score"]?.double ?? 0)))
        }
        if case .object(let facts)? = result["provenance"] {
            provenance = facts.compactMap { fact in fact.value.string.map { Fact(fact.name, $0) } }
        }
    }

    private static func floats(_ value: JSONValue?) -> [Float]? {
        guard let items = value?.array else { return nil }
        let numbers = items.compactMap { $0.double.map { Float($0) } }
        return numbers.count == items.count ? numbers : nil
    }
}
