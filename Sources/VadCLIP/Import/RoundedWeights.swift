import Numerics

/// A checkpoint whose matrices have the values that a model file of some precision keeps.
struct RoundedWeights<Base: NamedWeights>: NamedWeights {
    let base: Base
    let precision: WeightPrecision

    var names: [String] { base.names }

    func shape(of name: String) -> [Int]? { base.shape(of: name) }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        let values = try base.floats(name, shape: shape)
        guard precision.applies(to: name, shape: shape) else { return values }
        return try precision.rounded(values, rows: shape[0], name: name)
    }
}
