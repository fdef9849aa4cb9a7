import VadCLIP

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
        scores = Scores(result.logits, labels: result.labels)
        video = VideoSummary(result.logits, labels: result.labels)
        segments = scores.segments(result.options.segments)
    }
}
