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
    /// - Parameter make: the kernels as [taps · inputs, outputs], row-major, tap after tap
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
    private static let factors: [[Double]] = {
        let points: [Double] = [0, 1, -1, 2, -2, 0.5, -0.5]
        let rows = points.enumerated().map { index, point in
            let distance = points.enumerated().reduce(1.0) { $1.offset == index ? $0 : $0 * (point - $1.element) }
            return (0..<taps).map { tap in (0..<tap).reduce(1.0) { power, _ in power * point } / distance }
        }
        return rows + [(0..<taps).map { $0 == taps - 1 ? 1 : 0 }]
    }()
}
