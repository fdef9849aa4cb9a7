import Tensors

/// Residual convolutions of width 3 over V: `V += ReLU(conv(V))`, one after the other, over padded rows too.
///
/// Each is computed as one of width 5 whose outer taps are 0, by the kernel that the graphs' residuals use.
struct Refinement: Sendable {
    private static let taps = 3

    private let convolutions: [ConvolutionWeights]

    /// Reads the convolutions of these names; nil where there are none.
    init?(
        _ names: [String], from source: some WeightSource, width d: Int, in preparation: Preparation
    ) throws(WeightError) {
        guard !names.isEmpty else { return nil }
        var convolutions: [ConvolutionWeights] = []
        for name in names {
            let bias = try preparation.vector(name + ".bias", count: d) { () throws(WeightError) in
                try source.floats(name + ".bias", shape: [d])
            }
            convolutions.append(
                try ConvolutionWeights(name + ".weight", inputs: d, outputs: d, bias: bias, in: preparation) {
                    () throws(WeightError) in
                    Self.widened(try source.floats(name + ".weight", shape: [d, d, Self.taps]), width: d)
                })
        }
        self.convolutions = convolutions
    }

    /// Names and shapes of the tensors of such convolutions.
    static func tensors(_ names: [String], width d: Int) -> [(String, [Int])] {
        names.flatMap { [($0 + ".weight", [d, d, taps]), ($0 + ".bias", [d])] }
    }

    /// A kernel [d, d, 3] as the matrix [5 · d, d] that a convolution takes, tap after tap.
    private static func widened(_ kernel: [Float], width d: Int) -> [Float] {
        let first = (ConvolutionWeights.taps - taps) / 2
        var matrix = [Float](repeating: 0, count: ConvolutionWeights.taps * d * d)
        for output in 0..<d {
            for input in 0..<d {
                for tap in 0..<taps {
                    matrix[((first + tap) * d + input) * d + output] = kernel[(output * d + input) * taps + tap]
                }
            }
        }
        return matrix
    }

    /// Refines V of the first `m` rows in `scratch.output`.
    ///
    /// - Parameter beyond: V of padded rows, [L, d], where the chunk has more than m
    func run(rows m: Int, beyond: ConstantMatrix?, scratch: GraphScratch, by hands: Hands) {
        let (x, length) = (scratch.rows, scratch.rows.rows)
        x.rows(0..<m).copy(from: scratch.output.rows(0..<m))
        if let beyond {
            // A convolution reads whole tiles: what is behind the rows that count is put in place as well.
            let read = m..<min(m + convolutions.count + ConvolutionWeights.tile + GraphModule.reach, length)
            x.rows(read).copy(from: beyond, rows: read)
        }
        for index in convolutions.indices {
            // Each needs a row more than the next.
            let rows = 0..<min(m + convolutions.count - 1 - index, length)
            let change = scratch.kept.rows(rows)
            hands.convolve(
                scratch.padded, convolutions[index], into: change, inputs: scratch.convolutionInputs,
                outputs: scratch.convolutionOutputs)
            hands.share(rows.count) { part, _ in x.rows(part).addPositive(of: change.rows(part)) }
        }
        scratch.output.rows(0..<m).copy(from: x.rows(0..<m))
    }
}
