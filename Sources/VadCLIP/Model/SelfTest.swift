import Platform
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
        max(tolerance, roundings(of: logits, products: 4 * configuration.layers + 8, width: configuration.width))
    }

    /// What rounding may come to in so many products, each a sum of about `width` numbers.
    static func roundings(of values: [Float], products: Int, width: Int) -> Float {
        let largest = values.reduce(0) { max($0, abs($1)) }
        let units = Float(products) * Float(width).squareRoot() / 2
        return largest * Float.ulpOfOne * units
    }

    /// How far from the recorded logits those of an arithmetic of fewer bits are.
    public struct Difference: Sendable, Equatable {
        /// The largest of any logit with which an arithmetic can be used at all: a score of 0.5 becomes 0.27 or 0.73.
        static let most: Float = 1

        /// The largest of a coarse logit.
        public let coarse: Float
        /// The largest of a fine logit.
        public let fine: Float

        /// Nil where an arithmetic that far off is not to be used.
        init?(coarse: Float, fine: Float) {
            guard (0...Self.most).contains(coarse), (0...Self.most).contains(fine) else { return nil }
            self.coarse = coarse
            self.fine = fine
        }

        /// Reads what `text` writes.
        init?(_ text: String) {
            let parts = text.pieces(between: ASCII.space).map { Float($0) }
            guard parts.count == 2, let coarse = parts[0], let fine = parts[1] else { return nil }
            self.init(coarse: coarse, fine: fine)
        }

        var text: String { "\(coarse) \(fine)" }
    }

    /// Features, [T, d].
    public let features: Matrix
    /// The logits recorded for them.
    public let logits: Logits
    /// What each arithmetic of fewer bits differed by that was compared, and not too far off.
    public private(set) var differences: [Compute: Difference]

    /// Joins a recorded input with its logits.
    public init(features: Matrix, logits: Logits, differences: [Compute: Difference] = [:]) {
        self.features = features
        self.logits = logits
        self.differences = differences
    }

    /// Records the logits that `model` gives for an input that crosses from one chunk to the next where chunks are
    /// short, and is mostly padding where they are long.
    public init(recording model: Model) {
        let configuration = model.configuration
        let rows = min(configuration.length + 8, 48)
        features = Self.input(rows: rows, width: configuration.width)
        logits = Scorer(model: model).logits(of: features)
        differences = [:]
    }

    /// Records how far off the logits of `model` are, whose arithmetic has fewer bits.
    mutating func record(_ model: Model) {
        let found = Scorer(model: model).logits(of: features)
        differences[model.kernels.compute] = Difference(
            coarse: Self.worst(found.coarse, logits.coarse), fine: Self.worst(found.fine, logits.fine))
    }

    /// Records how far off the logits of `model` are where that is more than what was recorded allows: with weights of unusual size
    /// kernels that round elsewhere than the reference may be. Where it is not, machines record the same.
    mutating func widen(to model: Model) {
        let compute = model.kernels.compute
        guard let known = differences[compute] else { return }
        do throws(ModelError) { try run(on: model) } catch {
            let found = Scorer(model: model).logits(of: features)
            differences[compute] = Difference(
                coarse: max(known.coarse, Self.worst(found.coarse, logits.coarse)),
                fine: max(known.fine, Self.worst(found.fine, logits.fine)))
        }
    }

    /// What the logits of a branch may differ by: rounded in another order where they are float32's, and by twice what was
    /// recorded where they have fewer bits, since processors round what they multiply or do not.
    private func allowed(
        _ recorded: [Float], _ branch: KeyPath<Difference, Float>, _ model: Model
    ) throws(ModelError) -> Float {
        let float32 = Self.tolerance(of: recorded, model.configuration)
        let compute = model.kernels.compute
        guard compute != .float32 else { return float32 }
        guard let difference = differences[compute] else { throw .computeUnchecked(compute) }
        return 2 * difference[keyPath: branch] + float32
    }

    /// The largest difference; infinity where one is not a number.
    static func worst(_ found: [Float], _ recorded: [Float]) -> Float {
        var worst: Float = 0
        for (a, b) in zip(found, recorded) {
            let difference = abs(a - b)
            worst = difference.isNaN ? .infinity : max(worst, difference)
        }
        return worst
    }

    /// Throws `selfTestFailed` unless the model reproduces the recorded logits; returns the largest difference.
    ///
    /// - Parameters:
    ///   - model: the model
    ///   - tolerance: the largest difference; what float32 allows where there is none
    @discardableResult
    public func run(on model: Model, within tolerance: Float? = nil) throws(ModelError) -> Float {
        let found = Scorer(model: model).logits(of: features)
        guard found.coarse.count == logits.coarse.count, found.fine.count == logits.fine.count else {
            throw .notAModel("the self-test was recorded for other labels than the model has")
        }
        var largest: Float = 0
        let branches = [(found.coarse, logits.coarse, \Difference.coarse), (found.fine, logits.fine, \Difference.fine)]
        for (found, recorded, branch) in branches {
            let allowed =
                if let tolerance { tolerance } else { try allowed(recorded, branch, model) }
            let worst = Self.worst(found, recorded)
            // What was recorded may be infinite in a file that somebody has changed: then so is what is allowed.
            guard worst < .infinity, worst <= allowed else {
                throw .selfTestFailed(kernels: model.kernels.described, difference: worst, tolerance: allowed)
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
