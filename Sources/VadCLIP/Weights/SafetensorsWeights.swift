import Formats
import Numerics

/// The tensors of a safetensors file as weights, those of a `WeightPrecision` among them.
struct SafetensorsWeights: WeightSource {
    let file: SafetensorsFile

    func shape(of name: String) -> [Int]? { file[name]?.shape }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        do {
            let values = try file.floats(name, shape: shape)
            let scales = WeightPrecision.scales(of: name)
            guard file[name]?.elementType == .int8, file[scales] != nil, let rows = shape.first, rows > 0 else {
                return values
            }
            let expected = WeightPrecision.scaleShape(rows: rows, columns: values.count / rows)
            return WeightPrecision.scale(values, by: try file.floats(scales, shape: expected), rows: rows)
        } catch {
            throw WeightError(name: name, problem: "can't be used: \(error.description)")
        }
    }
}
