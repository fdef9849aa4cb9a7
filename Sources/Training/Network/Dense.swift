import Tensors

/// A piece of work on one number of threads; it is given the thread's scratch memory for products.
typealias GradientTask = (_ scratch: MatrixView) -> Void

/// y = x W + b with weights that change, packed both ways once a step.
///
/// m is the rows of x [m, inputs] and y [m, outputs].
struct Dense {
    let inputs: Int
    let outputs: Int
    private let kernels: Kernels
    /// W, [outputs, inputs] where `isOutputMajor`, as PyTorch's Linear has it; else [inputs, outputs].
    let weight: MatrixView
    let weightGradient: MatrixView
    private let bias: MatrixView?
    private let biasGradient: MatrixView?
    private let isOutputMajor: Bool
    private let forward: ChangingWeights
    private let backward: ChangingWeights

    /// `name.weight` [outputs, inputs] and `name.bias` [outputs].
    init(_ name: String, in memory: TrainedMemory) {
        self.init(memory.tensor(name + ".weight"), bias: memory.tensor(name + ".bias"), kernels: memory.kernels)
    }

    /// `name` [inputs, outputs], without a bias: a graph convolution's weights.
    init(graph name: String, in memory: TrainedMemory) {
        self.init(memory.tensor(name), bias: nil, isOutputMajor: false, kernels: memory.kernels)
    }

    init(
        _ weight: (weight: MatrixView, gradient: MatrixView), bias: (weight: MatrixView, gradient: MatrixView)?,
        isOutputMajor: Bool = true, kernels: Kernels
    ) {
        (self.weight, weightGradient) = weight
        (self.bias, biasGradient) = (bias?.weight, bias?.gradient)
        self.isOutputMajor = isOutputMajor
        self.kernels = kernels
        inputs = isOutputMajor ? weight.weight.columns : weight.weight.rows
        outputs = isOutputMajor ? weight.weight.rows : weight.weight.columns
        forward = ChangingWeights(inputs: inputs, outputs: outputs, kernels: kernels)
        backward = ChangingWeights(inputs: outputs, outputs: inputs, kernels: kernels)
    }

    /// Packs the weights as they are now, in parts.
    var packing: [GradientTask] {
        func parts(_ weights: ChangingWeights, _ pack: @escaping (Range<Int>) -> Void) -> [GradientTask] {
            blocks(of: weights.panels, by: 8).map { range in { _ in pack(range) } }
        }
        let (weight, forward, backward) = (weight, forward, backward)
        if isOutputMajor {
            return parts(forward) { forward.pack(outputMajor: weight, panels: $0) }
                + parts(backward) { backward.pack(inputMajor: weight, panels: $0) }
        }
        return parts(forward) { forward.pack(inputMajor: weight, panels: $0) }
            + parts(backward) { backward.pack(outputMajor: weight, panels: $0) }
    }

    /// y = g(x W + b + residual).
    func run(
        _ x: MatrixView, into y: MatrixView, residual: MatrixView? = nil, activation: Activation = .identity
    ) {
        kernels.product(x, forward, bias: bias, into: y, residual: residual, activation: activation)
    }

    /// dx = dy Wᵀ + residual.
    func runBackward(_ dy: MatrixView, into dx: MatrixView, residual: MatrixView? = nil) {
        kernels.product(dy, backward, into: dx, residual: residual)
    }

    /// Adds xᵀ dy to the weights' gradient and dy's columns to the bias's, in parts.
    func gradient(_ x: MatrixView, _ dy: MatrixView) -> [GradientTask] {
        let (kernels, weightGradient, biasGradient) = (kernels, weightGradient, biasGradient)
        let (left, right) = isOutputMajor ? (dy, x) : (x, dy)
        return blocks(of: left.columns, by: 256).map { range in
            { scratch in
                kernels.transposedProduct(
                    left.columns(range), right, into: weightGradient.rows(range), adding: true, scratch: scratch)
                // A bias comes with PyTorch's order alone, where the blocks are of outputs.
                if let biasGradient { kernels.addColumnSums(left.columns(range), to: biasGradient.columns(range)) }
            }
        }
    }
}

/// A LayerNorm whose gain and shift change.
struct ChangingNorm {
    let gain: (weight: MatrixView, gradient: MatrixView)
    let shift: (weight: MatrixView, gradient: MatrixView)

    init(_ name: String, in memory: TrainedMemory) {
        (gain, shift) = (memory.tensor(name + ".weight"), memory.tensor(name + ".bias"))
    }
}

/// 0..<count in ranges of at most `size`.
func blocks(of count: Int, by size: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
}
