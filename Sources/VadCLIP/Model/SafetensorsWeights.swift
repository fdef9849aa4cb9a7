import Formats
import Numerics

/// The tensors of a safetensors file as weights.
struct SafetensorsWeights: WeightSource {
    let file: SafetensorsFile

    func shape(of name: String) -> [Int]? { file[name]?.shape }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        do {
            return try file.floats(name, shape: shape)
        } catch {
            throw WeightError(name: name, problem: "can't be used: \(error.description)")
        }
    }
}
