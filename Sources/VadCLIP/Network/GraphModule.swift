import Numerics

/// The LGT-Adapter's global module: graph convolutions over the similarity and the distance of snippets.
///
/// Spec: "Forward pass", step 3. h is d / 2. The first convolutions of both graphs take the same rows, so their weights
/// stand side by side in one product each.
struct GraphModule: Sendable {
    /// Similarities not above this become 0.
    static let threshold: Float = 0.7
    /// e^(-1/e): how much a snippet counts for its neighbour in the distance graph.
    static let decay: Float = 0.692_200_63

    /// Columns that the residual convolution sees on either side.
    static let reach = 2

    /// [W1 | W3], d to 2h.
    let first: Linear
    /// The residual convolutions [r1 | r3] of kernel 5 as one product, 5d to 2h.
    let residual: Linear
    /// W2, h to h.
    let secondSimilarity: Linear
    /// W4, h to h.
    let secondDistance: Linear
    /// Joins both graphs' halves, d to d.
    let join: Linear

    init(from source: some WeightSource, width d: Int, kernels: Kernels) throws(WeightError) {
        let h = d / 2
        let w1 = try source.floats("gc1.weight", shape: [d, h])
        let w3 = try source.floats("gc3.weight", shape: [d, h])
        var side = [Float](repeating: 0, count: d * 2 * h)
        for row in 0..<d {
            for column in 0..<h {
                side[row * 2 * h + column] = w1[row * h + column]
                side[row * 2 * h + h + column] = w3[row * h + column]
            }
        }
        first = Linear(weights: PackedWeights(inputs: d, outputs: 2 * h, inputMajor: side, kernels: kernels))
        residual = try Self.residual(from: source, width: d, kernels: kernels)
        secondSimilarity = Linear(
            weights: PackedWeights(
                inputs: h, outputs: h, inputMajor: try source.floats("gc2.weight", shape: [h, h]), kernels: kernels))
        secondDistance = Linear(
            weights: PackedWeights(
                inputs: h, outputs: h, inputMajor: try source.floats("gc4.weight", shape: [h, h]), kernels: kernels))
        join = try source.linear("linear", inputs: d, outputs: d, kernels: kernels)
    }

    /// The kernels [h, d, taps] of both convolutions as one matrix [taps · d, 2h].
    private static func residual(
        from source: some WeightSource, width d: Int, kernels: Kernels
    ) throws(WeightError) -> Linear {
        let h = d / 2
        let taps = 2 * reach + 1
        var matrix = [Float](repeating: 0, count: taps * d * 2 * h)
        var bias: [Float] = []
        for (graph, name) in ["gc1.residual", "gc3.residual"].enumerated() {
            let kernel = try source.floats(name + ".weight", shape: [h, d, taps])
            for output in 0..<h {
                for input in 0..<d {
                    for tap in 0..<taps {
                        matrix[(tap * d + input) * 2 * h + graph * h + output] =
                            kernel[(output * d + input) * taps + tap]
                    }
                }
            }
            bias += try source.floats(name + ".bias", shape: [h])
        }
        let weights = PackedWeights(inputs: taps * d, outputs: 2 * h, inputMajor: matrix, kernels: kernels)
        return Linear(weights: weights, bias: bias)
    }

    /// What the rows of a chunk that are left out contribute to those that are computed.
    struct Beyond {
        /// Σ_j r^(j-m+1) x_j W3 over the rows j from m on.
        let first: ConstantMatrix.Row
        /// The same of the second convolution's input, b_j W4.
        let second: ConstantMatrix.Row
    }

    /// V of the first `m` rows in `scratch`, of which `n` are snippets.
    ///
    /// The rows of the padded matrix that the convolution sees past the last must be in place, or zero.
    func run(valid n: Int, rows m: Int, beyond: Beyond?, scratch: GraphScratch, kernels: Kernels) {
        let x = scratch.rows.rows(0..<m)
        let h = x.columns / 2
        kernels.lengths(x.rows(0..<n), into: scratch.lengths.rows(0..<n))
        let graph = scratch.similarity.rows(0..<n).columns(0..<n)
        kernels.dots(x.rows(0..<n), x.rows(0..<n), into: graph)
        kernels.similarity(
            graph, own: scratch.lengths.rows(0..<n), lengths: scratch.lengths.rows(0..<n), threshold: Self.threshold)

        let rows = 0..<m
        let (mapped, kept, hidden) = (scratch.mapped.rows(rows), scratch.kept.rows(rows), scratch.hidden.rows(rows))
        kernels.product(x, first, into: mapped)
        kernels.product(
            scratch.padded.rows(0..<m + 2 * Self.reach).sliding(count: 2 * Self.reach + 1), residual, into: kept)
        convolve(mapped, residual: kept, into: hidden, graph: graph, ahead: beyond?.first, kernels: kernels)

        let similar = 0..<h
        let near = h..<2 * h
        kernels.product(hidden.columns(similar), secondSimilarity, into: mapped.columns(similar))
        kernels.product(hidden.columns(near), secondDistance, into: mapped.columns(near))
        convolve(mapped, residual: hidden, into: kept, graph: graph, ahead: beyond?.second, kernels: kernels)
        kernels.product(kept, join, into: scratch.output.rows(rows))
    }

    /// g(A y + residual) for both graphs: the left half of the columns by similarity, the right half by distance. Rows
    /// that are no snippets have no similar ones.
    private func convolve(
        _ y: MatrixView, residual: MatrixView, into out: MatrixView, graph: MatrixView, ahead: ConstantMatrix.Row?,
        kernels: Kernels
    ) {
        let n = graph.rows
        let similar = 0..<y.columns / 2
        let near = y.columns / 2..<y.columns
        let left = y.columns(similar)
        kernels.product(
            graph, left.rows(0..<n), into: out.columns(similar).rows(0..<n),
            residual: residual.columns(similar).rows(0..<n), activation: .quickGELU)
        let padding = n..<y.rows
        kernels.quickGELU(
            residual.columns(similar).rows(padding), into: out.columns(similar).rows(padding))
        kernels.decay(
            y.columns(near), ratio: Self.decay, ahead: ahead, into: out.columns(near), residual: residual.columns(near),
            activation: .quickGELU)
    }
}

/// The intermediate matrices of a `GraphModule`, for chunks of L rows.
struct GraphScratch {
    /// The rows with `reach` zero rows before and after them, [L + 4, d].
    let padded: MatrixView
    /// The rows themselves, [L, d].
    let rows: MatrixView
    let lengths: MatrixView
    let similarity: MatrixView
    let mapped: MatrixView
    let kept: MatrixView
    let hidden: MatrixView
    /// V, [L, d].
    let output: MatrixView

    init(in workspace: Workspace, length: Int, width: Int) {
        padded = workspace.matrix(rows: length + 2 * GraphModule.reach, columns: width)
        rows = padded.rows(GraphModule.reach..<GraphModule.reach + length)
        lengths = workspace.matrix(rows: length, columns: 1)
        similarity = workspace.matrix(rows: length, columns: length)
        mapped = workspace.matrix(rows: length, columns: width)
        kept = workspace.matrix(rows: length, columns: width)
        hidden = workspace.matrix(rows: length, columns: width)
        output = workspace.matrix(rows: length, columns: width)
    }
}
