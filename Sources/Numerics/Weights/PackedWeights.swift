import CKernels

/// The constant right-hand side of a product, B [inputs, outputs], laid out once for one set of kernels.
public struct PackedWeights: Sendable {
    /// Rows of B: the width of what comes in.
    public let inputs: Int
    /// Columns of B: the width of what goes out.
    public let outputs: Int
    let floats: AlignedFloats
    let kernels: Kernels

    /// Packs `values` [inputs, outputs], row-major, as graph convolutions store their weights.
    public init(inputs: Int, outputs: Int, inputMajor values: [Float], kernels: Kernels) {
        self.init(inputs: inputs, outputs: outputs, values: values, strides: (outputs, 1), kernels: kernels)
    }

    /// Packs `values` [outputs, inputs], row-major, as PyTorch's Linear stores its weights.
    public init(inputs: Int, outputs: Int, outputMajor values: [Float], kernels: Kernels) {
        self.init(inputs: inputs, outputs: outputs, values: values, strides: (1, inputs), kernels: kernels)
    }

    /// Floats that packing takes.
    static func count(inputs: Int, outputs: Int, kernels: Kernels) -> Int {
        vg_packed_count(inputs, outputs, kernels.table.pointee.panel)
    }

    /// Takes what was packed before for the same kernels.
    init(inputs: Int, outputs: Int, packed: AlignedFloats, kernels: Kernels) {
        precondition(packed.count == Self.count(inputs: inputs, outputs: outputs, kernels: kernels))
        self.inputs = inputs
        self.outputs = outputs
        self.kernels = kernels
        floats = packed
    }

    private init(inputs: Int, outputs: Int, values: [Float], strides: (Int, Int), kernels: Kernels) {
        precondition(values.count == inputs * outputs, "as many weights as inputs × outputs")
        let panel = kernels.table.pointee.panel
        self.inputs = inputs
        self.outputs = outputs
        self.kernels = kernels
        floats = AlignedFloats(count: vg_packed_count(inputs, outputs, panel)) { base in
            values.withUnsafeBufferPointer {
                vg_pack(inputs, outputs, $0.baseAddress, strides.0, strides.1, panel, base)
            }
        }
    }
}

/// A product with its bias: y = x B + b.
public struct Linear: Sendable {
    /// B, packed.
    public let weights: PackedWeights
    /// b [outputs], if there is one.
    public let bias: AlignedFloats?

    /// Joins weights and bias; a bias has as many values as the weights have outputs.
    public init(weights: PackedWeights, bias: AlignedFloats? = nil) {
        precondition(bias.map { $0.count == weights.outputs } ?? true, "a bias value for each output")
        self.weights = weights
        self.bias = bias
    }

    /// The same with the bias as an array.
    public init(weights: PackedWeights, bias: [Float]) {
        self.init(weights: weights, bias: AlignedFloats(bias))
    }
}

/// Gain and shift of a LayerNorm with eps 1e-5, each [width].
public struct LayerNorm: Sendable {
    let gain: AlignedFloats
    let shift: AlignedFloats

    /// Gain and shift have one value a column.
    public init(gain: [Float], shift: [Float]) {
        self.init(gain: AlignedFloats(gain), shift: AlignedFloats(shift))
    }

    init(gain: AlignedFloats, shift: AlignedFloats) {
        precondition(gain.count == shift.count)
        self.gain = gain
        self.shift = shift
    }
}
