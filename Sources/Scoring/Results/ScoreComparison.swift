import Platform
public import VadCLIP

/// The scores that two models have of the same video, and how they differ.
public struct ScoreComparison: Sendable {
    /// The first model's.
    public let first: ScoredVideo
    /// The second model's.
    public let second: ScoredVideo
    /// The second one's coarse score less the first one's, of each snippet.
    public let coarse: [Float]
    /// How far the coarse scores differ.
    public let coarseDifference: Difference
    /// How far the fine scores differ; nil where the models tell other classes apart, or in another order. Labels
    /// may differ in the case of the letters A to Z.
    public let fineDifference: Difference?
    /// Segments of the first model of which the second has no part.
    public let lost: [Segment]
    /// Segments of the second model of which the first has no part.
    public let gained: [Segment]

    /// How far scores differ.
    public struct Difference: Sendable, Equatable {
        /// The largest difference, of whichever sign.
        public let largest: Float
        /// The first snippet that has it.
        public let snippet: Int
        /// The mean of the differences' magnitudes.
        public let mean: Float

        /// Of so many differences a snippet.
        init(_ differences: [Float], width: Int) {
            let magnitudes = differences.map(\.magnitude)
            let place = magnitudes.indices.max { magnitudes[$0] < magnitudes[$1] } ?? 0
            let first = magnitudes.firstIndex { $0 == magnitudes[place] } ?? 0
            largest = differences.isEmpty ? 0 : differences[first]
            snippet = first / max(width, 1)
            let sum = magnitudes.reduce(0.0) { $0 + Double($1) }
            mean = differences.isEmpty ? 0 : Float(sum / Double(differences.count))
        }
    }

    /// Compares what two models made of the same snippets.
    public init(_ first: ScoredVideo, _ second: ScoredVideo) {
        self.first = first
        self.second = second
        coarse = zip(second.scores.coarse, first.scores.coarse).map { $0 - $1 }
        coarseDifference = Difference(coarse, width: 1)
        let labels = first.result.labels
        // Checkpoints of two families spell the same classes of UCF-Crime with and without capitals.
        fineDifference =
            ByteText.same(labels.map(\.asciiLowercase), second.result.labels.map(\.asciiLowercase))
            ? Difference(zip(second.scores.fine, first.scores.fine).map { $0 - $1 }, width: labels.count) : nil
        lost = first.segments.filter { !$0.overlaps(any: second.segments) }
        gained = second.segments.filter { !$0.overlaps(any: first.segments) }
    }
}

extension Segment {
    /// Whether one of others, which are in order, has a snippet of it.
    fileprivate func overlaps(any others: [Segment]) -> Bool {
        others.contains { $0.start < end && start < $0.end }
    }
}
