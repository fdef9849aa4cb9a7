import Tensors

/// CLIP's residual attention block: x += Attention(LN1(x)), x += W2 g(W1 LN2(x)).
///
/// The text tower is made of these: a row attends to itself and to those before it. T is the rows given, d the width.
public struct AttentionBlock: Sendable {
    let heads: Int
    let width: Int
    let attentionNorm: LayerNorm
    let projection: Linear
    let output: Linear
    let feedForwardNorm: LayerNorm
    let expansion: Linear
    let contraction: Linear

    /// Reads and packs the block's weights, whose names begin with `prefix`.
    public init(
        from source: some WeightSource, prefix: String, width: Int, heads: Int, in preparation: Preparation
    ) throws(WeightError) {
        self.heads = heads
        self.width = width
        projection = try preparation.linear(
            weights: prefix + ".attn.in_proj_weight", bias: prefix + ".attn.in_proj_bias", inputs: width,
            outputs: 3 * width, from: source)
        output = try preparation.linear(prefix + ".attn.out_proj", inputs: width, outputs: width, from: source)
        attentionNorm = try preparation.layerNorm(prefix + ".ln_1", width: width, from: source)
        expansion = try preparation.linear(prefix + ".mlp.c_fc", inputs: width, outputs: 4 * width, from: source)
        contraction = try preparation.linear(prefix + ".mlp.c_proj", inputs: 4 * width, outputs: width, from: source)
        feedForwardNorm = try preparation.layerNorm(prefix + ".ln_2", width: width, from: source)
    }

    /// Runs the block over x [T, d], in place.
    public func run(_ x: MatrixView, scratch: AttentionScratch, kernels: Kernels) {
        let rows = 0..<x.rows
        let normed = scratch.normed.rows(rows)
        let mixed = scratch.mixed.rows(rows)
        kernels.layerNorm(x, attentionNorm, into: normed)
        kernels.product(normed, projection, into: scratch.queriesKeysValues.rows(rows))
        attend(rows: rows, scratch: scratch, kernels: kernels)
        kernels.product(mixed, output, into: x, residual: x)
        kernels.layerNorm(x, feedForwardNorm, into: normed)
        kernels.product(normed, expansion, into: scratch.hidden.rows(rows), activation: .quickGELU)
        kernels.product(scratch.hidden.rows(rows), contraction, into: x, residual: x)
    }

    /// softmax(q kᵀ / √(d / heads)) v within `rows`, head by head.
    private func attend(rows: Range<Int>, scratch: AttentionScratch, kernels: Kernels) {
        let headWidth = width / heads
        let scale = 1 / Float(headWidth).squareRoot()
        let packed = scratch.queriesKeysValues.rows(rows)
        let scores = scratch.scores.rows(0..<rows.count).columns(0..<rows.count)
        for head in 0..<heads {
            let columns = head * headWidth..<(head + 1) * headWidth
            let queries = packed.columns(columns)
            let keys = packed.columns(width + columns.lowerBound..<width + columns.upperBound)
            let values = packed.columns(2 * width + columns.lowerBound..<2 * width + columns.upperBound)
            kernels.dots(queries, keys, scale: scale, into: scores)
            for row in 0..<rows.count {
                let line = scores.rows(row..<row + 1)
                kernels.softmax(line.columns(0..<row + 1))
                line.columns(row + 1..<rows.count).fill(0)
            }
            kernels.product(scores, values, into: scratch.mixed.rows(rows).columns(columns))
        }
    }
}

/// The intermediate matrices of an `AttentionBlock`, reserved once for the most rows it will see.
public struct AttentionScratch {
    let normed: MatrixView
    let queriesKeysValues: MatrixView
    let mixed: MatrixView
    let hidden: MatrixView
    let scores: MatrixView

    /// Reserves for `rows` rows of `width` columns.
    public init(in workspace: Workspace, rows: Int, width: Int) {
        normed = workspace.matrix(rows: rows, columns: width)
        queriesKeysValues = workspace.matrix(rows: rows, columns: 3 * width)
        mixed = workspace.matrix(rows: rows, columns: width)
        hidden = workspace.matrix(rows: rows, columns: 4 * width)
        scores = workspace.matrix(rows: rows, columns: rows)
    }
}
