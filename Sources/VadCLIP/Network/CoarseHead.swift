import Numerics

/// The C-Branch: c = w·(V + MLP2(V)) + b.
///
/// Spec: "Forward pass", step 4. V + MLP2(V) is used for nothing else, so W2 of the MLP comes to one vector:
/// c = w·V + (W2ᵀ w)·g(W1 V + b1) + (w·b2 + b), a matrix product less.
struct CoarseHead: Sendable {
    /// W1, d to 4d, with b1.
    let expansion: Linear
    /// W2ᵀ w, [1, 4d].
    let hidden: ConstantMatrix
    /// w, [1, d].
    let direct: ConstantMatrix
    /// w·b2 + b.
    let bias: Float

    init(from source: some WeightSource, width d: Int, in preparation: Preparation) throws(WeightError) {
        expansion = try preparation.linear("mlp2.c_fc", inputs: d, outputs: 4 * d, from: source)
        func classifier() throws(WeightError) -> [Float] { try source.floats("classifier.weight", shape: [1, d]) }
        direct = try preparation.matrix("classifier.weight", rows: 1, columns: d, make: classifier)
        hidden = try preparation.matrix("classifier.hidden", rows: 1, columns: 4 * d) { () throws(WeightError) in
            let weights = Matrix(
                rows: d, columns: 4 * d, values: try source.floats("mlp2.c_proj.weight", shape: [d, 4 * d]))
            return weights.transposed.times(try classifier())
        }
        bias = try preparation.vector("classifier.bias", count: 1) { () throws(WeightError) in
            let inner = zip(try classifier(), try source.floats("mlp2.c_proj.bias", shape: [d]))
            return [inner.reduce(try source.floats("classifier.bias", shape: [1])[0]) { $0 + $1.0 * $1.1 }]
        }[0]
    }

    /// c of each row of V [rows, d], [rows, 1]; `scratch` [rows, 4d] is overwritten, `part` [rows, 1] too.
    func run(_ v: MatrixView, into c: MatrixView, hidden scratch: MatrixView, part: MatrixView, kernels: Kernels) {
        kernels.product(v, expansion, into: scratch, activation: .quickGELU)
        kernels.dots(scratch, hidden, into: c)
        kernels.dots(v, direct, into: part)
        c.add(part)
        c.add(bias)
    }
}
