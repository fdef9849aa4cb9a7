import Numerics

/// W2 g(W1 x) with biases, the width fourfold inside: MLP1 and MLP2 of the branches.
struct FeedForward: Sendable {
    let expansion: Linear
    let contraction: Linear

    init(from source: some WeightSource, name: String, width: Int, kernels: Kernels) throws(WeightError) {
        expansion = try source.linear(name + ".c_fc", inputs: width, outputs: 4 * width, kernels: kernels)
        contraction = try source.linear(name + ".c_proj", inputs: 4 * width, outputs: width, kernels: kernels)
    }

    /// y = x + MLP(x), both [rows, d]; `hidden` [rows, 4d] is overwritten; y may be x.
    func addTo(_ x: MatrixView, into y: MatrixView, hidden: MatrixView, kernels: Kernels) {
        kernels.product(x, expansion, into: hidden, activation: .quickGELU)
        kernels.product(hidden, contraction, into: y, residual: x)
    }
}
