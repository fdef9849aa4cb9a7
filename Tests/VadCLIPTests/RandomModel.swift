import CLIP
import Numerics
import TestSupport

@testable import VadCLIP

/// A model of any shape with seeded random weights, scaled so that every part of it matters.
struct RandomModel: WeightSource {
    let configuration: ModelConfiguration
    private let tensors: [String: (shape: [Int], values: [Float])]

    init(width: Int, length: Int, layers: Int, window: Int, seed: UInt64) {
        let labels = ["normal", "fire", "riot"]
        configuration = ModelConfiguration(
            width: width, length: length, layers: layers, window: window, labels: labels)
        var random = SeededRandom(seed: seed)
        var tensors: [String: (shape: [Int], values: [Float])] = [:]
        for (name, shape) in Network.tensors(of: configuration) {
            let inputs =
                shape.count == 1
                ? 1 : name.hasPrefix("gc") && shape.count == 2 ? shape[0] : shape.dropFirst().reduce(1, *)
            let isGain = name.hasSuffix("ln_1.weight") || name.hasSuffix("ln_2.weight")
            let scale: Float = shape.count == 1 ? 0.1 : 1.7 / Float(inputs).squareRoot()
            tensors[name] = (shape, random.floats(shape.reduce(1, *), scale: scale).map { isGain ? 1 + $0 : $0 })
        }
        self.tensors = tensors
    }

    func shape(of name: String) -> [Int]? { tensors[name]?.shape }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        guard let tensor = tensors[name], tensor.shape == shape else {
            throw WeightError(name: name, problem: "is missing")
        }
        return tensor.values
    }

    func model(_ kernels: Kernels) throws -> Model {
        var random = SeededRandom(seed: 99)
        let text = Matrix(rows: 3, columns: configuration.width, values: random.floats(3 * configuration.width))
        return try Model(
            info: ModelInfo(name: "random", trained: false, sha256: "", sourceSHA256: "", parameters: 0),
            configuration: configuration, classes: ClassFeatures(labels: configuration.labels, features: text),
            weights: self, kernels: kernels)
    }

    /// Scenes of some snippets around a common mean, as features of a video are.
    func features(_ rows: Int, seed: UInt64) -> Matrix {
        var random = SeededRandom(seed: seed)
        let width = configuration.width
        let common = random.floats(width, scale: 0.5)
        var scene: [Float] = []
        var values: [Float] = []
        for row in 0..<rows {
            if row % 13 == 0 { scene = zip(common, random.floats(width, scale: 0.6)).map { $0 + $1 } }
            values += zip(scene, random.floats(width, scale: 0.15)).map { $0 + $1 }
        }
        return Matrix(rows: rows, columns: width, values: values)
    }
}
