import Tensors
import TestSupport

@testable import VadCLIP

/// A model of any shape with seeded random weights.
struct RandomModel {
    let configuration: ModelConfiguration
    private let seed: UInt64

    init(width: Int, length: Int, layers: Int, window: Int, kind: ModelKind = .vadCLIP, seed: UInt64) {
        configuration = ModelConfiguration(
            width: width, length: length, layers: layers, window: window, labels: ["normal", "fire", "riot"],
            kind: kind)
        self.seed = seed
    }

    func model(_ kernels: Kernels) throws -> Model { try Model.synthetic(configuration, seed: seed, kernels: kernels) }

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
