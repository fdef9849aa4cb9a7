import Platform

/// Scores of a video's snippets, from its logits.
public struct Scores: Sendable, Equatable {
    /// Class labels, the normal class first.
    public let labels: [String]
    /// sigmoid of the coarse logits, [T].
    public let coarse: [Float]
    /// softmax of the fine logits over the classes, [T, K], row-major.
    public let fine: [Float]

    /// Computes both from the logits.
    public init(_ logits: Logits, labels: [String]) {
        self.init(logits, labels: labels, coarse: logits.coarse.map(sigmoid))
    }

    /// Computes the fine scores, and takes the coarse ones as they are.
    init(_ logits: Logits, labels: [String], coarse: [Float]) {
        self.labels = labels
        self.coarse = coarse
        var fine = logits.fine
        fine.withUnsafeMutableBufferPointer { fine in
            for snippet in 0..<logits.snippets {
                softmax(
                    UnsafeMutableBufferPointer(
                        rebasing: fine[snippet * logits.classes..<(snippet + 1) * logits.classes]))
            }
        }
        self.fine = fine
    }

    /// Fine score of a class at a snippet.
    public func fine(_ snippet: Int, _ label: Int) -> Float { fine[snippet * labels.count + label] }
}

/// 1 / (1 + e^-x).
func sigmoid(_ x: Float) -> Float { 1 / (1 + expf(-x)) }

/// Softmax in place.
func softmax(_ values: UnsafeMutableBufferPointer<Float>) {
    guard let top = values.max() else { return }
    var total: Float = 0
    for index in values.indices {
        values[index] = expf(values[index] - top)
        total += values[index]
    }
    for index in values.indices { values[index] /= total }
}
