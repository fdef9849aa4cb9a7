import Numerics

/// W2 g(W1 x) with biases, the width fourfold inside.
struct FeedForward: Sendable {
    let expansion: Linear
    let contraction: Linear

    init(
        from source: some WeightSource, name: String, width: Int, in preparation: Preparation
    ) throws(WeightError) {
        expansion = try preparation.linear(name + ".c_fc", inputs: width, outputs: 4 * width, from: source)
        contraction = try preparation.linear(name + ".c_proj", inputs: 4 * width, outputs: width, from: source)
    }

    /// y = residual + W2 g(W1 x), all [rows, d]; `hidden` [rows, 4d] is overwritten; y may be either of the others.
    func addTo(_ x: MatrixView, into y: MatrixView, residual: MatrixView, hidden: MatrixView, kernels: Kernels) {
        kernels.product(x, expansion, into: hidden, activation: .quickGELU)
        kernels.product(hidden, contraction, into: y, residual: residual)
    }
}
