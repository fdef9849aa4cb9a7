import CKernels

extension Kernels {
    /// A convolution of five taps along the rows, by eight products in place of twenty (see template/convolution.h).
    ///
    /// - Parameters:
    ///   - x: [4 ⌈m / 4⌉ + 4, inputs], the two rows before the first output and those behind the last among them
    ///   - weights: B [inputs, outputs] of each of the eight points, and the bias
    ///   - y: [m, outputs]
    ///   - inputs, outputs: scratch, [8 ⌈m / 4⌉, inputs] and [8 ⌈m / 4⌉, outputs]
    public func convolve(
        _ x: MatrixView, _ weights: ConvolutionWeights, into y: MatrixView, inputs: MatrixView, outputs: MatrixView
    ) {
        let tiles = (y.rows + 3) / 4
        let width = x.columns
        precondition(x.rows >= 4 * tiles + 4 && y.columns == outputs.columns && weights.bias.count == y.columns)
        precondition(inputs.rows >= 8 * tiles && inputs.columns == width && inputs.stride == width)
        precondition(outputs.rows >= 8 * tiles && outputs.stride == outputs.columns)
        table.pointee.convolution_in(tiles, width, x.base, x.stride, inputs.base, tiles * width)
        for point in 0..<weights.points.count {
            let rows = point * tiles..<(point + 1) * tiles
            product(inputs.rows(rows), Linear(weights: weights.points[point]), into: outputs.rows(rows))
        }
        table.pointee.convolution_out(
            y.rows, y.columns, outputs.base, tiles * y.columns, weights.bias.base, y.base, y.stride)
    }
}
