import Tensors

/// A layer of the LGT-Adapter's local module: x += Attention(LN1(x)) within windows, x += W2 g(W1 LN2(x)).
///
/// Spec: "Forward pass", step 2. With one head as wide as the rows, four projections come to two. A score is
/// (Wq l_i + bq)·(Wk l_j + bk) = l_i·(Wqᵀ Wk) l_j + (Wkᵀ bq)·l_j + what does not depend on j, which softmax takes away;
/// and as the weights of a row sum to 1, Wo (Σ_j p_ij (Wv l_j + bv)) + bo = (Wo Wv) Σ_j p_ij l_j + (Wo bv + bo).
struct LocalBlock: Sendable {
    let attentionNorm: LayerNorm
    /// Wqᵀ Wk, d to d, with Wkᵀ bq.
    let scoring: Linear
    /// Wo Wv, d to d, with Wo bv + bo.
    let output: Linear
    let feedForwardNorm: LayerNorm
    let feedForward: FeedForward

    init(
        from source: some WeightSource, prefix: String, width d: Int, in preparation: Preparation
    ) throws(WeightError) {
        let projections = Projections(source: source, prefix: prefix, width: d, kernels: preparation.kernels)
        scoring = Linear(
            weights: try preparation.weights(
                prefix + ".attn.scoring.weight", inputs: d, outputs: d, make: projections.scoring),
            bias: try preparation.vector(prefix + ".attn.scoring.bias", count: d, make: projections.scoringBias))
        output = Linear(
            weights: try preparation.weights(
                prefix + ".attn.output.weight", inputs: d, outputs: d, make: projections.output),
            bias: try preparation.vector(prefix + ".attn.output.bias", count: d, make: projections.outputBias))
        attentionNorm = try preparation.layerNorm(prefix + ".ln_1", width: d, from: source)
        feedForward = try FeedForward(from: source, name: prefix + ".mlp", width: d, in: preparation)
        feedForwardNorm = try preparation.layerNorm(prefix + ".ln_2", width: d, from: source)
    }

    /// Runs the layer over x [T, d], in place; the last window takes the rest.
    func run(_ x: MatrixView, window: Int, scratch: LocalScratch, by hands: Hands) {
        let rows = 0..<x.rows
        let (normed, asking, mixed) = (scratch.normed.rows(rows), scratch.asking.rows(rows), scratch.mixed.rows(rows))
        hands.layerNorm(x, attentionNorm, into: normed)
        hands.product(normed, scoring, into: asking)
        let scale = 1 / Float(x.columns).squareRoot()
        let kernels = hands.kernels
        hands.share(x.rows, by: window) { part, hand in
            for start in stride(from: part.lowerBound, to: part.upperBound, by: window) {
                let rows = start..<min(start + window, x.rows)
                let scores = scratch.scores(of: hand).rows(0..<rows.count).columns(0..<rows.count)
                kernels.dots(asking.rows(rows), normed.rows(rows), scale: scale, into: scores)
                kernels.softmax(scores)
                kernels.product(scores, normed.rows(rows), into: mixed.rows(rows))
            }
        }
        hands.product(mixed, output, into: x, residual: x)
        hands.layerNorm(x, feedForwardNorm, into: normed)
        feedForward.addTo(normed, into: x, residual: x, hidden: scratch.hidden.rows(rows), by: hands)
    }
}

/// The published projections of a layer, from which its own are made; each tensor is read once, and none where all that
/// is made of them is stored.
private final class Projections<Source: WeightSource> {
    private let source: Source
    private let prefix: String
    private let width: Int
    private let kernels: Kernels
    private var read: [String: [Float]] = [:]

    init(source: Source, prefix: String, width: Int, kernels: Kernels) {
        self.source = source
        self.prefix = prefix
        self.width = width
        self.kernels = kernels
    }

    private func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        if let known = read[name] { return known }
        let values = try source.floats(prefix + name, shape: shape)
        read[name] = values
        return values
    }

    private func inputWeights(_ part: Int) throws(WeightError) -> Matrix {
        let all = try floats(".attn.in_proj_weight", shape: [3 * width, width])
        let size = width * width
        return Matrix(rows: width, columns: width, values: Array(all[part * size..<(part + 1) * size]))
    }

    private func inputBias(_ part: Int) throws(WeightError) -> [Float] {
        let all = try floats(".attn.in_proj_bias", shape: [3 * width])
        return Array(all[part * width..<(part + 1) * width])
    }

    private func outputWeights() throws(WeightError) -> Matrix {
        Matrix(
            rows: width, columns: width,
            values: try floats(".attn.out_proj.weight", shape: [width, width]))
    }

    func scoring() throws(WeightError) -> [Float] {
        try inputWeights(0).transposed.times(try inputWeights(1), kernels: kernels).values
    }

    func scoringBias() throws(WeightError) -> [Float] { try inputWeights(1).transposed.times(try inputBias(0)) }

    func output() throws(WeightError) -> [Float] {
        try outputWeights().times(try inputWeights(2), kernels: kernels).transposed.values
    }

    func outputBias() throws(WeightError) -> [Float] {
        let bias = try floats(".attn.out_proj.bias", shape: [width])
        return zip(try outputWeights().times(try inputBias(2)), bias).map { $0 + $1 }
    }
}

/// The intermediate matrices of a `LocalBlock`, reserved once for chunks of L rows.
struct LocalScratch {
    let normed: MatrixView
    let asking: MatrixView
    let mixed: MatrixView
    let hidden: MatrixView
    private let scores: (MatrixView, MatrixView)

    init(in workspace: Workspace, length: Int, width: Int, window: Int, hands: Hands) {
        normed = workspace.matrix(rows: length, columns: width)
        asking = workspace.matrix(rows: length, columns: width)
        mixed = workspace.matrix(rows: length, columns: width)
        hidden = workspace.matrix(rows: length, columns: 4 * width)
        let first = workspace.matrix(rows: window, columns: window)
        scores = (first, hands.count == 1 ? first : workspace.matrix(rows: window, columns: window))
    }

    /// The scores of a window, for each who computes at the same time.
    func scores(of hand: Int) -> MatrixView { hand == 0 ? scores.0 : scores.1 }
}
