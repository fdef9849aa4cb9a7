import Platform
import Tensors

/// The contrast loss: how much the abnormal classes' text features point where the normal one's does, or the other way.
enum ContrastLoss {
    /// weight / (K - 1) · Σ |cos(t_0, t_k)|, and its derivative added to `gradient`; both matrices are [K, d].
    static func add(_ text: Matrix, weight: Float, to gradient: inout Matrix) -> Float {
        let (k, d) = (text.rows, text.columns)
        guard k > 1 else { return 0 }
        let lengths = text.rowLengths
        let share = weight / Float(k - 1)
        var loss: Float = 0
        for row in 1..<k {
            let (a, b) = (lengths[0], lengths[row])
            let cosine = zip(text[row: 0], text[row: row]).reduce(Float(0)) { $0 + $1.0 * $1.1 } / (a * b)
            loss += abs(cosine)
            let slope = cosine == 0 ? 0 : (cosine > 0 ? share : -share)
            for column in 0..<d {
                let (x, y) = (text[0, column] / a, text[row, column] / b)
                gradient.values[column] += slope * (y - cosine * x) / a
                gradient.values[row * d + column] += slope * (x - cosine * y) / b
            }
        }
        return share * loss
    }
}
