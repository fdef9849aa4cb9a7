import Platform
import Tensors

/// The losses of one video under weak supervision, and their gradients by its logits.
///
/// Spec: "Training". n is the valid rows, K the classes; k = n / 16 + 1 rows with the largest values stand for the video.
enum MultipleInstanceLoss {
    /// How many of n rows count.
    static func instances(of n: Int) -> Int { min(n, n / 16 + 1) }

    /// The indexes of the `count` largest of `values`; of equal ones the first.
    static func largest(_ count: Int, of values: [Float]) -> [Int] {
        // Kept in falling order; a value that comes later has to be larger to go before.
        var chosen: [Int] = []
        chosen.reserveCapacity(count + 1)
        for (index, value) in values.enumerated() {
            if chosen.count == count, let last = chosen.last, !(value > values[last]) { continue }
            let place = chosen.firstIndex { value > values[$0] } ?? chosen.endIndex
            chosen.insert(index, at: place)
            if chosen.count > count { chosen.removeLast() }
        }
        return chosen
    }

    /// The coarse loss: binary cross-entropy of the mean of the k largest sigmoids with `target`.
    ///
    /// - Parameters:
    ///   - logits: coarse logits, [n]
    ///   - target: 0 for a normal video, else 1
    ///   - share: what the video counts, 1 / batch
    ///   - gradient: receives `share` times the derivative by each logit, [n, 1]
    /// - Returns: the loss, without the share
    static func coarse(_ logits: [Float], target: Float, share: Float, gradient: MatrixView) -> Float {
        let scores = logits.map { 1 / (1 + expf(-$0)) }
        let chosen = largest(instances(of: logits.count), of: logits)
        let count = Float(chosen.count)
        let mean = chosen.reduce(Float(0)) { $0 + scores[$1] } / count
        // As PyTorch has it: a logarithm is at least -100, and the slope's denominator at least 1e-12.
        let loss = -(target * max(logf(mean), -100) + (1 - target) * max(log1pf(-mean), -100))
        let slope = (mean - target) / max((1 - mean) * mean, 1e-12) * share / count
        gradient.fill(0)
        for row in chosen { gradient[row, 0] = slope * scores[row] * (1 - scores[row]) }
        return loss
    }

    /// The MIL-Align loss: cross-entropy of the label vector with the softmax of each class's mean of its k largest fine
    /// logits.
    ///
    /// - Parameters:
    ///   - logits: fine logits, [n, K]
    ///   - labels: [K], sums to 1
    ///   - share: what the video counts, 1 / batch
    ///   - gradient: receives `share` times the derivative by each logit, [n, K]
    /// - Returns: the loss, without the share
    static func alignment(_ logits: MatrixView, labels: [Float], share: Float, gradient: MatrixView) -> Float {
        let classes = 0..<logits.columns
        let values = logits.values()
        let chosen = classes.map { column in
            largest(
                instances(of: logits.rows),
                of: stride(from: column, to: values.count, by: classes.count).map { values[$0] })
        }
        let means = classes.map { column in
            chosen[column].reduce(Float(0)) { $0 + logits[$1, column] } / Float(chosen[column].count)
        }
        let top = means.max() ?? 0
        let total = means.reduce(Float(0)) { $0 + expf($1 - top) }
        let logarithm = top + logf(total)
        let loss = -zip(labels, means).reduce(Float(0)) { $0 + $1.0 * ($1.1 - logarithm) }
        let mass = labels.reduce(0, +)
        gradient.fill(0)
        for column in classes {
            let slope = mass * expf(means[column] - logarithm) - labels[column]
            for row in chosen[column] { gradient[row, column] = slope * share / Float(chosen[column].count) }
        }
        return loss
    }
}
