import Platform

/// A family's last step: what scores are made of logits. The coarse score is the sigmoid of the coarse logit in all.
public protocol Readout: Sendable {
    /// Scores of the classes, [T, K], row-major; each row sums to 1.
    func fine(_ logits: Logits) -> [Float]

    /// The same in double precision, for figures in which equal scores count.
    func preciseFine(_ logits: Logits) -> [Double]

    /// Whose frame-level figure its authors tell first of a benchmark, by the benchmark's name.
    func headline(on benchmark: String) -> Headline
}

/// The two scores that a snippet has.
public enum Headline: String, Sendable {
    /// The coarse score.
    case coarse
    /// One less the normal class's fine score.
    case fine
}

/// Numbers that scores are reckoned in.
protocol ScoreNumber: BinaryFloatingPoint, Sendable {
    /// e^x.
    static func power(_ x: Self) -> Self
}

extension Float: ScoreNumber {
    static func power(_ x: Float) -> Float { expf(x) }
}

extension Double: ScoreNumber {
    static func power(_ x: Double) -> Double { exp(x) }
}

/// 1 / (1 + e^-x).
func sigmoid<Number: ScoreNumber>(_ x: Number) -> Number { 1 / (1 + Number.power(-x)) }

/// Softmax in place.
func softmax<Number: ScoreNumber>(_ values: UnsafeMutableBufferPointer<Number>) {
    guard let top = values.max() else { return }
    var total: Number = 0
    for index in values.indices {
        values[index] = Number.power(values[index] - top)
        total += values[index]
    }
    for index in values.indices { values[index] /= total }
}

extension Logits {
    /// The fine logits with each snippet's changed by `change`, which is told the snippet.
    func fineRows<Number: ScoreNumber>(
        _ change: (_ snippet: Int, _ row: UnsafeMutableBufferPointer<Number>) -> Void
    ) -> [Number] {
        var values = fine.map { Number($0) }
        values.withUnsafeMutableBufferPointer { all in
            for snippet in 0..<snippets {
                change(
                    snippet, UnsafeMutableBufferPointer(rebasing: all[snippet * classes..<(snippet + 1) * classes]))
            }
        }
        return values
    }
}
