import CKernels

/// The constant right-hand side of a product, B [inputs, outputs], laid out once for one set of kernels.
public struct PackedWeights: Sendable {
    /// Rows of B: the width of what comes in.
    public let inputs: Int
    /// Columns of B: the width of what goes out.
    public let outputs: Int
    /// B in panels; in fewer bits as words.
    let floats: AlignedFloats
    let kernels: Kernels
    /// What multiplies with it where it has fewer bits.
    let narrow: NarrowKernels?

    /// The most inputs of weights in fewer bits: the sums of products of 8-bit integers stay within 32 bits.
    static let mostNarrowInputs = 65_536

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
        count(inputs: inputs, outputs: outputs, kernels: kernels, kernels.narrowChoices.first)
    }

    private static func count(inputs: Int, outputs: Int, kernels: Kernels, _ narrow: NarrowKernels?) -> Int {
        guard let narrow else { return vg_packed_count(inputs, outputs, kernels.table.pointee.panel) }
        precondition(inputs <= mostNarrowInputs)
        return narrow.table.pointee.packed_bytes(inputs, outputs) / MemoryLayout<Float>.stride
    }

    /// What a block of packed weights is called: those of fewer bits have the arithmetic and how they lie before the name.
    static func blockName(_ name: String, kernels: Kernels) -> String {
        kernels.narrowChoices.first.map { "\(kernels.compute.rawValue).\($0.layout).\(name)" } ?? name
    }

    /// Takes what was packed before for the same kernels.
    init(inputs: Int, outputs: Int, packed: AlignedFloats, kernels: Kernels) {
        self.init(
            inputs: inputs, outputs: outputs, packed: packed, kernels: kernels, narrow: kernels.narrowChoices.first)
    }

    private init(inputs: Int, outputs: Int, packed: AlignedFloats, kernels: Kernels, narrow: NarrowKernels?) {
        precondition(packed.count == Self.count(inputs: inputs, outputs: outputs, kernels: kernels, narrow))
        self.inputs = inputs
        self.outputs = outputs
        self.kernels = kernels
        self.narrow = narrow
        floats = packed
    }

    /// Columns of a panel.
    var panel: Int { narrow?.table.pointee.panel ?? kernels.table.pointee.panel }

    /// The outputs of `range`, in the same memory; the range begins where a panel does, and ends where one does or all do.
    func outputs(_ range: Range<Int>) -> PackedWeights {
        precondition(range.lowerBound >= 0 && range.upperBound <= outputs)
        precondition(
            range.lowerBound % panel == 0 && (range.upperBound % panel == 0 || range.upperBound == outputs),
            "whole panels")
        // Panels lie one behind the other, each with all that belongs to it.
        let start = Self.count(inputs: inputs, outputs: range.lowerBound, kernels: kernels, narrow)
        let end = Self.count(inputs: inputs, outputs: range.upperBound, kernels: kernels, narrow)
        return PackedWeights(
            inputs: inputs, outputs: range.count, packed: floats.part(start..<end), kernels: kernels, narrow: narrow)
    }

    private init(inputs: Int, outputs: Int, values: [Float], strides: (Int, Int), kernels: Kernels) {
        self.init(
            inputs: inputs, outputs: outputs, values: values, strides: strides, kernels: kernels,
            narrow: kernels.narrowChoices.first)
    }

    /// Packs for one of the choices that the kernels have.
    init(
        inputs: Int, outputs: Int, values: [Float], strides: (Int, Int), kernels: Kernels, narrow: NarrowKernels?
    ) {
        precondition(values.count == inputs * outputs, "as many weights as inputs × outputs")
        self.inputs = inputs
        self.outputs = outputs
        self.kernels = kernels
        self.narrow = narrow
        let count = Self.count(inputs: inputs, outputs: outputs, kernels: kernels, narrow)
        floats = AlignedFloats(count: count) { base in
            values.withUnsafeBufferPointer {
                if let narrow {
                    narrow.table.pointee.pack(inputs, outputs, $0.baseAddress, strides.0, strides.1, base)
                } else {
                    vg_pack(
                        inputs, outputs, $0.baseAddress, strides.0, strides.1, kernels.table.pointee.panel, base)
                }
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

extension Linear {
    /// Whether panels end before each of these outputs, so that the weights can be cut there.
    public func canBeCut(at outputs: [Int]) -> Bool { outputs.allSatisfy { $0.isMultiple(of: weights.panel) } }

    /// The part that makes the outputs of `range`, in the same memory; the range begins where a panel does, and ends where one
    /// does or all do.
    public func outputs(_ range: Range<Int>) -> Linear {
        Linear(weights: weights.outputs(range), bias: bias?.part(range))
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

/// The kernels of a convolution of five taps in the form that `Kernels.convolve` takes: its weights at eight points.
///
/// A kernel is a polynomial with its taps as coefficients; its values at eight points, times constants that make the
/// way back simple, are what F(4, 5) multiplies with (see CKernels/template/convolution.h).
public struct ConvolutionWeights: Sendable {
    /// Outputs that one tile computes, and taps of a kernel.
    public static let (tile, taps) = (4, 5)
    /// Points that a kernel is evaluated at: rows of x that a tile reads.
    public static let points = tile + taps - 1

    let points: [PackedWeights]
    let bias: AlignedFloats

    /// Prepares one matrix a point.
    ///
    /// - Parameters:
    ///   - name: by which the block is stored
    ///   - inputs: rows of B
    ///   - outputs: columns of B
    ///   - bias: [outputs]
    ///   - preparation: packs, or finds what was packed before
    ///   - make: the kernels as [taps · inputs, outputs], row-major, tap after tap
    public init(
        _ name: String, inputs: Int, outputs: Int, bias: AlignedFloats, in preparation: Preparation,
        make: () throws(WeightError) -> [Float]
    ) throws(WeightError) {
        precondition(bias.count == outputs, "a bias value for each output")
        self.bias = bias
        var taps: [Float]?
        var points: [PackedWeights] = []
        for point in 0..<Self.points {
            let weights = try preparation.weights("\(name).\(point)", inputs: inputs, outputs: outputs) {
                () throws(WeightError) in
                let all = if let taps { taps } else { try make() }
                taps = all
                return Self.mix(all, by: Self.factors[point])
            }
            points.append(weights)
        }
        self.points = points
    }

    /// Σ factor_t · tap_t in double precision.
    private static func mix(_ taps: [Float], by factors: [Double]) -> [Float] {
        let size = taps.count / Self.taps
        return taps.withUnsafeBufferPointer { taps in
            [Float](unsafeUninitializedCapacity: size) { buffer, count in
                for index in 0..<size {
                    var sum = 0.0
                    for tap in 0..<Self.taps { sum += factors[tap] * Double(taps[tap * size + index]) }
                    buffer[index] = Float(sum)
                }
                count = size
            }
        }
    }

    /// The matrix G: powers of the points 0, 1, -1, 2, -2, 1/2, -1/2 over the product of their distances, and the last
    /// coefficient for infinity.
    static let factors: [[Double]] = {
        let points: [Double] = [0, 1, -1, 2, -2, 0.5, -0.5]
        let rows = points.enumerated().map { index, point in
            let distance = points.enumerated().reduce(1.0) { $1.offset == index ? $0 : $0 * (point - $1.element) }
            return (0..<taps).map { tap in (0..<tap).reduce(1.0) { power, _ in power * point } / distance }
        }
        return rows + [(0..<taps).map { $0 == taps - 1 ? 1 : 0 }]
    }()
}
