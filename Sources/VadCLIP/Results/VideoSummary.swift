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
        coarse = Self.meanOfHighest(k, logits.coarse.lazy.map(sigmoid))
        var means = (0..<logits.classes).map { label in
            Self.meanOfHighest(k, (0..<logits.snippets).lazy.map { logits.fine[$0 * logits.classes + label] })
        }
        means.withUnsafeMutableBufferPointer { softmax($0) }
        scores = means
        let best = means.indices.max { means[$0] < means[$1] } ?? 0
        label = labels[best]
    }

    /// Keeps the highest so far: of up to 2k that are kept, the lower half is dropped whenever they are that many.
    private static func meanOfHighest(_ k: Int, _ values: some Sequence<Float>) -> Float {
        guard k > 0 else { return 0 }
        var highest: [Float] = []
        highest.reserveCapacity(2 * k)
        var least = -Float.infinity
        for value in values where value > least || highest.count < k {
            highest.append(value)
            guard highest.count == 2 * k else { continue }
            highest.sort(by: >)
            highest.removeLast(k)
            least = highest[k - 1]
        }
        return highest.sorted(by: >).prefix(k).reduce(0, +) / Float(k)
    }
}
