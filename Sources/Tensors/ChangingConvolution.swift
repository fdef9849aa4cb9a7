import CKernels

/// A convolution of five taps along the rows whose kernels change from step to step, by eight products in place of twenty
/// (see CKernels/template/convolution.h): y = Tᵀ ((G w) ∘ (D x)), and backwards with G, D and T transposed.
///
/// The rows of many samples lie in eight planes, one a point; `tiles` counts the tiles of four rows in all of them, and a
/// sample of m rows has ⌈m / 4⌉ of them.
///
/// `@unchecked Sendable`: `mix` and `pack` alone write, each a part of its own, and whoever trains runs no product before
/// all of them have returned.
public final class ChangingConvolution: @unchecked Sendable {
    /// Points, each with a product of its own.
    public static let points = ConvolutionWeights.points
    /// Rows of y that a tile computes.
    public static let tile = ConvolutionWeights.tile

    private let kernels: Kernels
    private let workspace = Workspace()
    /// G w, and later its gradient: plane after plane [outputs, inputs].
    private let mixed: MatrixView
    private let inputs: Int
    private let outputs: Int
    private let forward: [ChangingWeights]
    private let backward: [ChangingWeights]
    private static let factors: [Float] = ConvolutionWeights.factors.flatMap { $0.map { Float($0) } }

    /// Reserves memory for kernels [outputs, inputs, 5].
    public init(inputs: Int, outputs: Int, kernels: Kernels) {
        self.kernels = kernels
        self.inputs = inputs
        self.outputs = outputs
        mixed = workspace.matrix(rows: Self.points * outputs, columns: inputs)
        forward = (0..<Self.points).map { _ in ChangingWeights(inputs: inputs, outputs: outputs, kernels: kernels) }
        backward = (0..<Self.points).map { _ in ChangingWeights(inputs: outputs, outputs: inputs, kernels: kernels) }
    }

    /// Takes the kernels [range.count, 5 · inputs] of the outputs in `range`, tap by tap as PyTorch's Conv1d stores them.
    public func mix(_ taps: MatrixView, outputs range: Range<Int>) {
        precondition(taps.rows == range.count && taps.columns == ConvolutionWeights.taps * inputs)
        for (row, output) in range.enumerated() {
            kernels.table.pointee.convolution_mix(
                inputs, Self.factors, taps.base + row * taps.stride, mixed.rows(output..<output + 1).base,
                outputs * inputs)
        }
    }

    /// Packs what was mixed for one point, both ways.
    public func pack(point: Int) {
        forward[point].pack(outputMajor: plane(point))
        backward[point].pack(inputMajor: plane(point))
    }

    private func plane(_ point: Int) -> MatrixView { mixed.rows(point * outputs..<(point + 1) * outputs) }

    /// y [m, outputs] of one sample.
    ///
    /// - Parameters:
    ///   - x: [4 ⌈m / 4⌉ + 4, inputs], the two rows before the first output and those behind the last among them
    ///   - bias: [1, outputs]
    ///   - y: the outputs, for the activation's derivative
    ///   - seen: planes [8 · tiles, inputs], of which this sample's are written: the weights' gradient needs them
    ///   - products: planes [8 · tiles, outputs], of which this sample's are scratch
    ///   - first: the sample's first tile
    public func run(
        _ x: MatrixView, bias: MatrixView, into y: MatrixView, seen: MatrixView, products: MatrixView, first: Int
    ) {
        let (count, all) = ((y.rows + 3) / 4, seen.rows / Self.points)
        precondition(x.rows >= 4 * count + 4 && x.columns == inputs && y.columns == outputs && first + count <= all)
        precondition(bias.isRow(of: outputs) && planes(seen, products))
        let table = kernels.table.pointee
        table.convolution_in(count, inputs, x.base, x.stride, seen.base + first * inputs, all * inputs)
        for point in 0..<Self.points {
            let rows = point * all + first..<point * all + first + count
            kernels.product(seen.rows(rows), forward[point], into: products.rows(rows))
        }
        table.convolution_out(
            y.rows, outputs, products.base + first * outputs, all * outputs, bias.base, y.base, y.stride)
    }

    /// dx of one sample from dy [m, outputs].
    ///
    /// - Parameters:
    ///   - dy: gradients of the outputs
    ///   - dx: added to, laid out as `x` is in `run`
    ///   - asked: planes [8 · tiles, outputs], of which this sample's are written: the weights' gradient needs them
    ///   - products: planes [8 · tiles, inputs], of which this sample's are scratch
    ///   - first: the first row of them
    public func runBackward(
        _ dy: MatrixView, into dx: MatrixView, asked: MatrixView, products: MatrixView, first: Int
    ) {
        let (count, all) = ((dy.rows + 3) / 4, asked.rows / Self.points)
        precondition(dx.rows >= 4 * count + 4 && dx.columns == inputs && dy.columns == outputs && first + count <= all)
        precondition(planes(products, asked))
        let table = kernels.table.pointee
        table.convolution_out_backward(
            dy.rows, outputs, dy.base, dy.stride, asked.base + first * outputs, all * outputs)
        for point in 0..<Self.points {
            let rows = point * all + first..<point * all + first + count
            kernels.product(asked.rows(rows), backward[point], into: products.rows(rows))
        }
        table.convolution_in_backward(
            count, inputs, products.base + first * inputs, all * inputs, dx.base, dx.stride)
    }

    private func planes(_ ofInputs: MatrixView, _ ofOutputs: MatrixView) -> Bool {
        ofInputs.columns == inputs && ofInputs.stride == inputs && ofOutputs.columns == outputs
            && ofOutputs.stride == outputs && ofInputs.rows == ofOutputs.rows && ofInputs.rows % Self.points == 0
    }

    /// The gradient of one point's weights over the tiles of `range`, or what of it belongs to `outputs`; plus what is there
    /// where `adding`. It takes the place of the weights, which are packed by then.
    public func gradient(
        point: Int, seen: MatrixView, asked: MatrixView, tiles range: Range<Int>, outputs columns: Range<Int>,
        adding: Bool, scratch: MatrixView
    ) {
        precondition(planes(seen, asked))
        let all = seen.rows / Self.points
        precondition(range.upperBound <= all && range.lowerBound >= 0)
        let rows = point * all + range.lowerBound..<point * all + range.upperBound
        kernels.transposedProduct(
            asked.rows(rows).columns(columns), seen.rows(rows), into: plane(point).rows(columns), adding: adding,
            scratch: scratch)
    }

    /// The gradient of the kernels of the outputs in `range`, [range.count, 5 · inputs], from that of all points.
    public func taps(gradient taps: MatrixView, outputs range: Range<Int>) {
        precondition(taps.rows == range.count && taps.columns == ConvolutionWeights.taps * inputs)
        for (row, output) in range.enumerated() {
            kernels.table.pointee.convolution_mix_backward(
                inputs, Self.factors, mixed.rows(output..<output + 1).base, outputs * inputs,
                taps.base + row * taps.stride)
        }
    }
}
