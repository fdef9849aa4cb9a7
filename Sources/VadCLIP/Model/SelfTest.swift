import Tensors

/// A small reference input and its logits, recorded at import and reproduced before a model serves.
public struct SelfTest: Sendable, Equatable {
    /// The largest difference of a logit of usual size that the running kernels may show.
    public static let tolerance: Float = 2e-4

    /// The largest difference that a branch's logits may show: ``tolerance``, or what float32 can't hold of them.
    ///
    /// On its way a logit passes some products a layer and some after them. Each adds up about `width` rounded numbers,
    /// whose errors, half a unit in the last place each, grow as the root of their number; units are those of the largest
    /// logit, as small ones are differences of large sums.
    static func tolerance(of logits: [Float], _ configuration: ModelConfiguration) -> Float {
        let largest = logits.reduce(0) { max($0, abs($1)) }
        let products = Float(4 * configuration.layers + 8)
        let units = products * Float(configuration.width).squareRoot() / 2
        return max(tolerance, largest * Float.ulpOfOne * units)
    }

    /// Features, [T, d].
    public let features: Matrix
    /// The logits recorded for them.
    public let logits: Logits

    /// Joins a recorded input with its logits.
    public init(features: Matrix, logits: Logits) {
        self.features = features
        self.logits = logits
    }

    /// Records the logits that `model` gives for an input that crosses from one chunk to the next where chunks are
    /// short, and is mostly padding where they are long.
    public init(recording model: Model) {
        let configuration = model.configuration
        let rows = min(configuration.length + 8, 48)
        features = Self.input(rows: rows, width: configuration.width)
        logits = Scorer(model: model).logits(of: features)
    }

    /// Throws `selfTestFailed` unless the model reproduces the recorded logits; returns the largest difference.
    ///
    /// - Parameter tolerance: the largest difference; what float32 allows where there is none
    @discardableResult
    public func run(on model: Model, within tolerance: Float? = nil) throws(ModelError) -> Float {
        let found = Scorer(model: model).logits(of: features)
        guard found.coarse.count == logits.coarse.count, found.fine.count == logits.fine.count else {
            throw .notAModel("the self-test was recorded for other labels than the model has")
        }
        var largest: Float = 0
        for (found, recorded) in [(found.coarse, logits.coarse), (found.fine, logits.fine)] {
            let allowed = tolerance ?? Self.tolerance(of: recorded, model.configuration)
            var worst: Float = 0
            for (a, b) in zip(found, recorded) {
                let difference = abs(a - b)
                worst = difference.isNaN ? .infinity : max(worst, difference)
            }
            guard worst <= allowed else {
                throw .selfTestFailed(kernels: model.kernels.name, difference: worst, tolerance: allowed)
            }
            largest = max(largest, worst)
        }
        return largest
    }

    /// Scenes of some snippets around a common mean, scaled like CLIP's image embeddings.
    private static func input(rows: Int, width: Int) -> Matrix {
        var random = SplitMix64(state: 0x5649_4749_4c)
        func vector(_ scale: Float) -> [Float] {
            (0..<width).map { _ in scale * (Float(random.next() >> 40) / Float(1 << 23) - 1) }
        }
        let common = vector(0.5)
        var values: [Float] = []
        var scene: [Float] = []
        for row in 0..<rows {
            if row % 11 == 0 { scene = zip(common, vector(0.6)).map { $0 + $1 } }
            values += zip(scene, vector(0.15)).map { $0 + $1 }
        }
        return Matrix(rows: rows, columns: width, values: values)
    }
}

/// A small generator that gives the same numbers everywhere.
package struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    package init(state: UInt64) { self.state = state }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A whole number from 0 to before `bound`: the high half of a product in place of a remainder.
    package mutating func index(below bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }

    /// Uniform in 0..<1.
    package mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}
