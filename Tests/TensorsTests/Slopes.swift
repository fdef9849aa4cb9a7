@testable import Tensors

/// Gradients by differences in double precision: what the backward kernels are checked against.
enum Slopes {
    /// d/dx of Σ weights · f(x), value by value.
    static func of(_ x: [Float], weights: [Float], _ f: ([Double]) -> [Double]) -> [Double] {
        var at = x.map(Double.init)
        let step = 1e-5
        return at.indices.map { index in
            let value = at[index]
            func sum(_ moved: Double) -> Double {
                at[index] = moved
                defer { at[index] = value }
                return zip(f(at), weights).reduce(0) { $0 + $1.0 * Double($1.1) }
            }
            return (sum(value + step) - sum(value - step)) / (2 * step)
        }
    }
}
