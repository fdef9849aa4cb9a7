import Formats
import Numerics

/// Weights whose names can be listed: a checkpoint.
protocol NamedWeights: WeightSource {
    /// All tensors' names, in the file's order.
    var names: [String] { get }
}

/// A PyTorch checkpoint as weights.
struct CheckpointWeights: NamedWeights {
    let checkpoint: TorchCheckpoint

    var names: [String] { checkpoint.names }

    func shape(of name: String) -> [Int]? { checkpoint.tensor(named: name)?.shape }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        do {
            return try checkpoint.floats(name, shape: shape)
        } catch {
            throw WeightError(name: name, problem: "can't be used: \(error.description)")
        }
    }
}

/// A state dict in a safetensors file as weights.
struct SafetensorsCheckpoint: NamedWeights {
    let file: SafetensorsFile

    var names: [String] { file.names }

    func shape(of name: String) -> [Int]? { file[name]?.shape }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        try SafetensorsWeights(file: file).floats(name, shape: shape)
    }
}
