import Formats
import Numerics

/// Weights whose names can be listed: a checkpoint.
protocol NamedWeights: WeightSource {
    /// All tensors' names, in the file's order; those that are not read too.
    var names: [String] { get }

    /// Why a tensor that is there is not read.
    func problem(of name: String) -> String?
}

extension NamedWeights {
    func problem(of name: String) -> String? { nil }
}

/// Weights have to be floating-point numbers: integers mean something else by scales that only their writer knows.
private func quantised(_ name: String, _ type: ElementType) -> WeightError? {
    guard !type.isFloatingPoint else { return nil }
    return WeightError(
        name: name,
        problem:
            "is of \(type) integers: expected floating-point numbers; save the weights as they were before they were "
            + "quantised")
}

/// A PyTorch checkpoint as weights.
struct CheckpointWeights: NamedWeights {
    let checkpoint: TorchCheckpoint

    var names: [String] { checkpoint.names + checkpoint.unread.keys.map(\.text).sorted() }

    func shape(of name: String) -> [Int]? { checkpoint.tensor(named: name)?.shape }

    func problem(of name: String) -> String? { checkpoint.unread[name] }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        if let tensor = checkpoint.tensor(named: name), let error = quantised(name, tensor.elementType) { throw error }
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

    var names: [String] { file.names + file.unread.keys.map(\.text).sorted() }

    func shape(of name: String) -> [Int]? { file[name]?.shape }

    func problem(of name: String) -> String? {
        file.unread[name].map { "is of the type \($0), which is not read here: save it as floating-point numbers" }
    }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        if let problem = problem(of: name) { throw WeightError(name: name, problem: problem) }
        if let tensor = file[name], let error = quantised(name, tensor.elementType) { throw error }
        do {
            return try file.floats(name, shape: shape)
        } catch {
            throw WeightError(name: name, problem: "can't be used: \(error.description)")
        }
    }
}
