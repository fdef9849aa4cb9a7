import Formats
import Platform
import Tensors

/// Seeded random weights for any configuration, scaled so that every part of the network matters: for benchmarks and
/// tests, where no checkpoint is at hand.
public struct SyntheticWeights: WeightSource {
    private let shapes: [String: [Int]]
    private let seed: UInt64

    /// Weights for `configuration`; equal seeds give equal weights.
    public init(_ configuration: ModelConfiguration, seed: UInt64) {
        shapes = Dictionary(
            Network.tensors(of: configuration).map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
        self.seed = seed
    }

    /// Shape of a tensor of the network.
    public func shape(of name: String) -> [Int]? { shapes[name] }

    /// A tensor's values: uniform, of the size that keeps rows at the length of their inputs, gains around 1.
    public func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        guard shapes[name] == shape else {
            throw WeightError(name: name, problem: "is not a tensor of shape \(shape) of this configuration")
        }
        let isGraph = name.begins(with: "gc") && shape.count == 2
        let inputs = isGraph ? shape[0] : shape.dropFirst().reduce(1, *)
        let scale: Float = shape.count == 1 ? 0.1 : 1.7 / Float(inputs).squareRoot()
        let centre: Float = name.ends(with: "ln_1.weight") || name.ends(with: "ln_2.weight") ? 1 : 0
        var random = SplitMix64(state: name.utf8.reduce(seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })
        return (0..<shape.reduce(1, *)).map { _ in
            centre + scale * (Float(random.next() >> 40) / Float(1 << 23) - 1)
        }
    }
}

extension Model {
    /// A model of random weights with random text features: what it computes takes as long as a trained one's.
    ///
    /// - Parameters:
    ///   - configuration: the model's shape
    ///   - seed: of the numbers
    ///   - sha256: what it has in place of a file's digest
    ///   - kernels: those that compute
    public static func synthetic(
        _ configuration: ModelConfiguration, seed: UInt64 = 1, sha256: String = "", kernels: Kernels
    ) throws(ModelError) -> Model {
        let (d, k) = (configuration.width, configuration.labels.count)
        var random = SplitMix64(state: seed)
        let text = Matrix(
            rows: k, columns: d, values: (0..<k * d).map { _ in Float(random.next() >> 40) / Float(1 << 23) - 1 })
        return try Model(
            info: ModelInfo(
                name: "synthetic", trained: false, digest: FileDigest(known: sha256), sourceSHA256: "",
                parameters: Network.tensors(of: configuration).reduce(0) { $0 + $1.shape.reduce(1, *) }),
            configuration: configuration, classes: ClassFeatures(labels: configuration.labels, features: text),
            weights: SyntheticWeights(configuration, seed: seed), in: Preparation(kernels: kernels))
    }
}
