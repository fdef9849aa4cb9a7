import Tensors

/// The LGT-Adapter's global module: graph convolutions over the similarity and the distance of snippets.
///
/// Spec: "Forward pass", step 3. h is d / 2. The first convolutions of both graphs take the same rows, so their weights
/// stand side by side in one product each.
struct GraphModule: Sendable {
    /// Similarities not above this become 0.
    static let threshold: Float = 0.7
    /// e^(-1/e): how much a snippet counts for its neighbour in the distance graph.
    static let decay: Float = 0.692_200_63

    /// Rows that the residual convolution sees on either side.
    static let reach = ConvolutionWeights.taps / 2

    /// Rows behind the first m that the convolution of m rows reads: it computes whole tiles.
    static func readsBehind(_ m: Int) -> Int { (m + tile - 1) / tile * tile + reach - m }

    private static let tile = ConvolutionWeights.tile

    /// [W1 | W3], d to 2h.
    let first: Linear
    /// The residual convolutions [r1 | r3] of kernel 5, d to 2h.
    let residual: ConvolutionWeights
    /// W2, h to h.
    let secondSimilarity: Linear
    /// W4, h to h.
    let secondDistance: Linear
    /// Joins both graphs' halves, d to d.
    let join: Linear

    init(from source: some WeightSource, width d: Int, in preparation: Preparation) throws(WeightError) {
        let h = d / 2
        first = Linear(
            weights: try preparation.weights("gc1_3.weight", inputs: d, outputs: 2 * h) { () throws(WeightError) in
                try Self.firstWeights(from: source, width: d)
            })
        residual = try Self.residual(from: source, width: d, in: preparation)
        secondSimilarity = Linear(
            weights: try preparation.weights("gc2.weight", inputs: h, outputs: h) { () throws(WeightError) in
                try source.floats("gc2.weight", shape: [h, h])
            })
        secondDistance = Linear(
            weights: try preparation.weights("gc4.weight", inputs: h, outputs: h) { () throws(WeightError) in
                try source.floats("gc4.weight", shape: [h, h])
            })
        join = try preparation.linear("linear", inputs: d, outputs: d, from: source)
    }

    /// W1 and W3 side by side, [d, 2h].
    private static func firstWeights(from source: some WeightSource, width d: Int) throws(WeightError) -> [Float] {
        let h = d / 2
        let (w1, w3) = (
            try source.floats("gc1.weight", shape: [d, h]), try source.floats("gc3.weight", shape: [d, h])
        )
        var side: [Float] = []
        side.reserveCapacity(2 * d * h)
        for row in 0..<d {
            let part = row * h..<(row + 1) * h
            side += w1[part]
            side += w3[part]
        }
        return side
    }

    private static func residual(
        from source: some WeightSource, width d: Int, in preparation: Preparation
    ) throws(WeightError) -> ConvolutionWeights {
        let (h, taps, names) = (d / 2, ConvolutionWeights.taps, ["gc1.residual", "gc3.residual"])
        let bias = try preparation.vector("gc1_3.residual.bias", count: 2 * h) { () throws(WeightError) in
            try source.floats(names[0] + ".bias", shape: [h]) + source.floats(names[1] + ".bias", shape: [h])
        }
        return try ConvolutionWeights("gc1_3.residual.weight", inputs: d, outputs: 2 * h, bias: bias, in: preparation) {
            () throws(WeightError) in
            // The kernels [h, d, taps] of both convolutions as one matrix [taps · d, 2h].
            var matrix = [Float](repeating: 0, count: taps * d * 2 * h)
            for (graph, name) in names.enumerated() {
                let kernel = try source.floats(name + ".weight", shape: [h, d, taps])
                for output in 0..<h {
                    for input in 0..<d {
                        for tap in 0..<taps {
                            matrix[(tap * d + input) * 2 * h + graph * h + output] =
                                kernel[(output * d + input) * taps + tap]
                        }
                    }
                }
            }
            return matrix
        }
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
    /// The `readsBehind(m)` rows behind them must be in place; those behind the chunk are zero.
    func run(valid n: Int, rows m: Int, beyond: Beyond?, scratch: GraphScratch, by hands: Hands) {
        let x = scratch.rows.rows(0..<m)
        let h = x.columns / 2
        hands.lengths(x.rows(0..<n), into: scratch.lengths.rows(0..<n))
        let graph = scratch.similarity.rows(0..<n).columns(0..<n)
        hands.dots(x.rows(0..<n), x.rows(0..<n), into: graph)
        hands.similarity(
            graph, own: scratch.lengths.rows(0..<n), lengths: scratch.lengths.rows(0..<n), threshold: Self.threshold)

        let rows = 0..<m
        let (mapped, kept, hidden) = (scratch.mapped.rows(rows), scratch.kept.rows(rows), scratch.hidden.rows(rows))
        hands.product(x, first, into: mapped)
        hands.convolve(
            scratch.padded, residual, into: kept, inputs: scratch.convolutionInputs,
            outputs: scratch.convolutionOutputs)
        convolve(mapped, residual: kept, into: hidden, graph: graph, ahead: beyond?.first, by: hands)

        let similar = 0..<h
        let near = h..<2 * h
        hands.product(hidden.columns(similar), secondSimilarity, into: mapped.columns(similar))
        hands.product(hidden.columns(near), secondDistance, into: mapped.columns(near))
        convolve(mapped, residual: hidden, into: kept, graph: graph, ahead: beyond?.second, by: hands)
        hands.product(kept, join, into: scratch.output.rows(rows))
    }

    /// g(A y + residual) for both graphs: the left half of the columns by similarity, the right half by distance. Rows
    /// that are no snippets have no similar ones.
    private func convolve(
        _ y: MatrixView, residual: MatrixView, into out: MatrixView, graph: MatrixView, ahead: ConstantMatrix.Row?,
        by hands: Hands
    ) {
        let n = graph.rows
        let similar = 0..<y.columns / 2
        let near = y.columns / 2..<y.columns
        let left = y.columns(similar)
        hands.product(
            graph, left.rows(0..<n), into: out.columns(similar).rows(0..<n),
            residual: residual.columns(similar).rows(0..<n), activation: .quickGELU)
        let padding = n..<y.rows
        hands.kernels.quickGELU(
            residual.columns(similar).rows(padding), into: out.columns(similar).rows(padding))
        hands.decay(
            y.columns(near), ratio: Self.decay, ahead: ahead, into: out.columns(near), residual: residual.columns(near),
            activation: .quickGELU)
    }
}

/// The intermediate matrices of a `GraphModule`, for chunks of L rows.
struct GraphScratch {
    /// The rows with `reach` zero rows before them and `readsBehind(L)` after them, [4 ⌈L / 4⌉ + 4, d].
    let padded: MatrixView
    /// The rows themselves, [L, d].
    let rows: MatrixView
    let lengths: MatrixView
    let similarity: MatrixView
    let mapped: MatrixView
    let kept: MatrixView
    let hidden: MatrixView
    let convolutionInputs: MatrixView
    let convolutionOutputs: MatrixView
    /// V, [L, d].
    let output: MatrixView

    init(in workspace: Workspace, length: Int, width: Int) {
        padded = workspace.matrix(
            rows: GraphModule.reach + length + GraphModule.readsBehind(length), columns: width)
        rows = padded.rows(GraphModule.reach..<GraphModule.reach + length)
        lengths = workspace.matrix(rows: length, columns: 1)
        similarity = workspace.matrix(rows: length, columns: length)
        mapped = workspace.matrix(rows: length, columns: width)
        kept = workspace.matrix(rows: length, columns: width)
        hidden = workspace.matrix(rows: length, columns: width)
        let points = ConvolutionWeights.points * ((length + ConvolutionWeights.tile - 1) / ConvolutionWeights.tile)
        convolutionInputs = workspace.matrix(rows: points, columns: width)
        convolutionOutputs = workspace.matrix(rows: points, columns: width)
        output = workspace.matrix(rows: length, columns: width)
    }
}
