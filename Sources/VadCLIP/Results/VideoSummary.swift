/// What can be said of a video as a whole: the means that training compares with the video's label.
///
/// Spec: "Training". k = T / 16 + 1, of T snippets at most.
public struct VideoSummary: Sendable, Equatable {
    /// Mean of the k highest coarse scores.
    public let coarse: Float
    /// The class with the highest score.
    public let label: String
    /// Softmax over the classes of the mean of each one's k highest fine logits, in the labels' order.
    public let scores: [Float]

    /// Sums up the logits.
    public init(_ logits: Logits, labels: [String]) {
        let k = min(logits.snippets, logits.snippets / 16 + 1)
        coarse = Self.meanOfHighest(k, logits.coarse.map(sigmoid))
        var means = (0..<logits.classes).map { label in
            Self.meanOfHighest(k, (0..<logits.snippets).map { logits.fine[$0 * logits.classes + label] })
        }
        softmax(&means[...])
        scores = means
        let best = means.indices.max { means[$0] < means[$1] } ?? 0
        label = labels[best]
    }

    private static func meanOfHighest(_ k: Int, _ values: [Float]) -> Float {
        guard k > 0 else { return 0 }
        return values.sorted(by: >).prefix(k).reduce(0, +) / Float(k)
    }
}
