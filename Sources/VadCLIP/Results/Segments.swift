/// How segments are cut from coarse scores.
public struct SegmentOptions: Sendable, Hashable {
    /// A run begins at a snippet whose coarse score is at least this.
    public var threshold: Float
    /// A run goes on while the coarse score is at least this; not above `threshold`.
    public var leave: Float
    /// Runs shorter than this are dropped.
    public var minimumSnippets: Int
    /// Runs fewer than this many snippets apart are one.
    public var mergeGap: Int

    /// Takes the settings; `leave` is the threshold unless it is given.
    public init(threshold: Float = 0.5, leave: Float? = nil, minimumSnippets: Int = 1, mergeGap: Int = 0) {
        self.threshold = threshold
        self.leave = leave ?? threshold
        self.minimumSnippets = minimumSnippets
        self.mergeGap = mergeGap
    }
}

/// A stretch of a video that looks abnormal.
public struct Segment: Sendable, Equatable {
    /// First snippet.
    public let start: Int
    /// The snippet after the last.
    public let end: Int
    /// The abnormal class with the highest mean fine score in the segment.
    public let label: String
    /// The highest coarse score in the segment.
    public let score: Float

    /// Seconds from the video's begin to `start` and to `end`, at so many frames a second.
    public func seconds(fps: Double) -> (start: Double, end: Double) {
        let perSnippet = Double(ModelConfiguration.framesPerSnippet) / fps
        return (Double(start) * perSnippet, Double(end) * perSnippet)
    }
}

extension Scores {
    /// The video's segments, in order.
    public func segments(_ options: SegmentOptions) -> [Segment] {
        var runs: [Range<Int>] = []
        for run in self.runs(options) {
            if let last = runs.last, run.lowerBound - last.upperBound < options.mergeGap {
                runs[runs.count - 1] = last.lowerBound..<run.upperBound
            } else {
                runs.append(run)
            }
        }
        return runs.filter { $0.count >= options.minimumSnippets }.map(segment)
    }

    private func runs(_ options: SegmentOptions) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        var start: Int?
        for (snippet, score) in coarse.enumerated() {
            if let begun = start, score < options.leave {
                runs.append(begun..<snippet)
                start = nil
            } else if start == nil, score >= options.threshold {
                start = snippet
            }
        }
        if let begun = start { runs.append(begun..<coarse.count) }
        return runs
    }

    private func segment(_ run: Range<Int>) -> Segment {
        let sums = labels.indices.dropFirst().map { label in run.reduce(Float(0)) { $0 + fine($1, label) } }
        let best = sums.indices.max { sums[$0] < sums[$1] } ?? 0
        return Segment(
            start: run.lowerBound, end: run.upperBound,
            label: labels.indices.contains(best + 1) ? labels[best + 1] : "",
            score: run.map { coarse[$0] }.max() ?? 0)
    }
}
