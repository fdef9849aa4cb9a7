import Tensors

/// A residual attention block of the image tower: every row of an image attends to every other.
///
/// x += Attention(LN1(x)), x += W2 g(W1 LN2(x)), as `AttentionBlock`; but for many rows, which threads share out among
/// them, each part of them going through all its products while it is in the cache.
struct ImageBlock: Sendable {
    private let width: Int
    private let attentionNorm: LayerNorm
    /// Queries, keys and values; the queries times 1 / √64, which is a power of two and so changes no digit.
    private let projection: Linear
    private let output: Linear
    private let feedForwardNorm: LayerNorm
    private let expansion: Linear
    private let contraction: Linear

    init(
        from source: some WeightSource, prefix: String, width d: Int, in preparation: Preparation
    ) throws(WeightError) {
        width = d
        let attention = prefix + ".attn.in_proj"
        projection = try preparation.linear(
            weights: attention + "_weight", bias: attention + "_bias", inputs: d, outputs: 3 * d,
            from: ScaledQueries(base: source))
        output = try preparation.linear(prefix + ".attn.out_proj", inputs: d, outputs: d, from: source)
        attentionNorm = try preparation.layerNorm(prefix + ".ln_1", width: d, from: source)
        expansion = try preparation.linear(prefix + ".mlp.c_fc", inputs: d, outputs: 4 * d, from: source)
        contraction = try preparation.linear(prefix + ".mlp.c_proj", inputs: 4 * d, outputs: d, from: source)
        feedForwardNorm = try preparation.layerNorm(prefix + ".ln_2", width: d, from: source)
    }

    /// Runs the block over all rows of a batch, in place.
    func run(_ batch: ImageBatch, kernels: Kernels) {
        let (x, all, mixed, d) = (batch.x, batch.projected, batch.mixed, width)
        batch.shareRows { rows, memory in
            let normed = memory.normed.rows(0..<rows.count)
            kernels.layerNorm(x.rows(rows), attentionNorm, into: normed)
            kernels.product(normed, projection, into: all.rows(rows), scratch: memory.narrow)
        }
        batch.shareHeads { image, head, memory in
            let own = all.rows(image)
            memory.attend(
                own.columns(head), keys: own.columns(head.lowerBound + d..<head.upperBound + d),
                values: own.columns(head.lowerBound + 2 * d..<head.upperBound + 2 * d),
                into: mixed.rows(image).columns(head), kernels: kernels)
        }
        batch.shareRows { rows, memory in
            let (part, normed) = (x.rows(rows), memory.normed.rows(0..<rows.count))
            kernels.product(mixed.rows(rows), output, into: part, residual: part, scratch: memory.narrow)
            feedForward(
                part, normed: normed, hidden: memory.hidden.rows(0..<rows.count), narrow: memory.narrow,
                kernels: kernels)
        }
    }

    /// Runs the block for the class tokens' rows alone, into the rows of `batch.last`.
    func runLast(_ batch: ImageBatch, kernels: Kernels) {
        let (x, last, d) = (batch.x, batch.last, width)
        let both = batch.projected.columns(d..<3 * d)
        // Where the queries' weights can't be told from the others' by whole panels, all rows have queries too.
        let isCut = projection.canBeCut(at: [d, 3 * d])
        let shared = isCut ? projection.outputs(d..<3 * d) : projection
        let columns = isCut ? both : batch.projected
        batch.shareRows { rows, memory in
            let normed = memory.normed.rows(0..<rows.count)
            kernels.layerNorm(x.rows(rows), attentionNorm, into: normed)
            kernels.product(normed, shared, into: columns.rows(rows), scratch: memory.narrow)
        }
        last.x.copy(from: batch.classRows(of: x))
        if isCut {
            kernels.layerNorm(last.x, attentionNorm, into: last.normed)
            kernels.product(last.normed, projection.outputs(0..<d), into: last.queries, scratch: last.narrow)
        } else {
            last.queries.copy(from: batch.classRows(of: columns.columns(0..<d)))
        }
        batch.shareHeads { image, head, memory in
            let (own, row) = (both.rows(image), image.lowerBound / batch.rows)
            memory.attend(
                last.queries.rows(row..<row + 1).columns(head), keys: own.columns(head),
                values: own.columns(head.lowerBound + d..<head.upperBound + d),
                into: last.mixed.rows(row..<row + 1).columns(head), kernels: kernels)
        }
        kernels.product(last.mixed, output, into: last.x, residual: last.x, scratch: last.narrow)
        feedForward(last.x, normed: last.normed, hidden: last.hidden, narrow: last.narrow, kernels: kernels)
    }

    private func feedForward(
        _ x: MatrixView, normed: MatrixView, hidden: MatrixView, narrow: NarrowScratch?, kernels: Kernels
    ) {
        kernels.layerNorm(x, feedForwardNorm, into: normed)
        kernels.product(normed, expansion, into: hidden, activation: .quickGELU, scratch: narrow)
        kernels.product(hidden, contraction, into: x, residual: x, scratch: narrow)
    }
}

/// A block's packed projection with the attention's scale in its queries.
private struct ScaledQueries<Base: WeightSource>: WeightSource {
    let base: Base

    func shape(of name: String) -> [Int]? { base.shape(of: name) }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        var values = try base.floats(name, shape: shape)
        for index in 0..<values.count / 3 { values[index] *= 0.125 }
        return values
    }
}
