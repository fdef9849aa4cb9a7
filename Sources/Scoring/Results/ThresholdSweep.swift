import VadCLIP

/// What stands out in a video at one threshold after another.
public struct ThresholdSweep: Sendable {
    /// What stands out at a threshold.
    public struct Step: Sendable, Equatable {
        /// The threshold.
        public let threshold: Float
        /// Segments at it.
        public let segments: Int
        /// Snippets in these.
        public let snippets: Int
    }

    /// The steps, from the lowest threshold to the highest.
    public let steps: [Step]

    /// The thresholds: 0.05 to 0.95, 0.05 apart.
    public static let thresholds = (1...19).map { Float($0) / 20 }

    /// Cuts segments at each threshold as the video's own were, but for where they begin and end: a run goes on as long below
    /// the threshold as it does below the video's.
    public init(_ video: ScoredVideo) {
        let options = video.result.options.segments
        steps = Self.thresholds.map { threshold in
            var own = options
            own.threshold = threshold
            own.leave = max(0, threshold - (options.threshold - options.leave))
            let segments = video.scores.segments(own)
            return Step(
                threshold: threshold, segments: segments.count, snippets: segments.reduce(0) { $0 + $1.end - $1.start })
        }
    }
}
