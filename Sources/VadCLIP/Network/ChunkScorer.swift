import Tensors

/// Scores chunks with one worker's scratch memory: the forward pass of the spec, steps 1 to 7.
///
/// Not `Sendable`: a worker makes its own. `score` reserves no memory.
public final class ChunkScorer {
    private let network: Network
    private let configuration: ModelConfiguration
    private let tail: PaddingTail?
    /// What the views below are of.
    public let scratch: ChunkScratch
    private let local: LocalScratch
    private let graphs: GraphScratch
    private let branches: BranchScratch
    private let hands: Hands

    /// Scores chunks of the model in scratch memory of its own.
    ///
    /// - Parameters:
    ///   - model: the model
    ///   - second: a second thread while a chunk is scored, for as long as there is one; the logits are the same bits
    public convenience init(model: Model, second: (any PartSharing)? = nil) {
        self.init(model: model, in: ChunkScratch(for: model, second: second))
    }

    /// Scores chunks of the model in memory of its shape, in which other scorers of the same thread score theirs.
    public convenience init(model: Model, in scratch: ChunkScratch) {
        self.init(network: model.network, configuration: model.configuration, tail: model.tail, in: scratch)
        precondition(scratch.shape == ChunkScratch.Shape(of: model), "scratch memory is of the model's shape")
    }

    /// Without a `tail` every row is computed, padding too.
    init(network: Network, configuration: ModelConfiguration, tail: PaddingTail?, in scratch: ChunkScratch) {
        self.network = network
        self.configuration = configuration
        self.tail = tail
        self.scratch = scratch
        (local, graphs, branches, hands) = (scratch.local, scratch.graphs, scratch.branches, scratch.hands)
    }

    /// Writes the logits of one chunk.
    ///
    /// - Parameters:
    ///   - rows: features of the chunk's n snippets, n × d values, n from 1 to L
    ///   - classes: what the A-Branch compares with; K of them
    ///   - coarse: receives n logits from `offset` on
    ///   - fine: receives n × K logits from `offset` × K on
    ///   - offset: the place of the first logit
    public func score(
        _ rows: ArraySlice<Float>, classes: ClassFeatures, coarse: inout [Float], fine: inout [Float], offset: Int
    ) {
        let n = rows.count / configuration.width
        precondition(n >= 1 && n <= configuration.length && rows.count == n * configuration.width)
        precondition(classes.features.columns == configuration.width)
        let extent =
            tail == nil
            ? ChunkExtent(plain: configuration, valid: n) : ChunkExtent(needed: configuration, valid: n)
        run(rows, extent)
        let logits = alignmentBranch(extent, classes: classes)
        branches.coarse.rows(0..<n).write(to: &coarse, at: offset)
        logits.write(to: &fine, at: offset * classes.labels.count)
    }

    /// What a chunk without snippets comes to, for a model's `PaddingTail`.
    func padding() -> PaddingTail.Rows {
        let x = graphs.rows
        embed([], ChunkExtent(plain: configuration, valid: 0))
        for layer in 0..<network.local.count {
            network.local[layer].run(x, window: configuration.window, scratch: local, by: hands)
        }
        let local = x.matrix
        // The graph module overwrites its first maps, so they are made once more.
        hands.product(x, network.graphs.first, into: graphs.mapped)
        let near = configuration.width / 2..<configuration.width
        let first = graphs.mapped.columns(near).matrix
        network.graphs.run(valid: 0, rows: configuration.length, beyond: nil, scratch: graphs, by: hands)
        let second = graphs.mapped.columns(near).matrix
        let joined = graphs.output.matrix
        network.refinement?.run(rows: configuration.length, beyond: nil, scratch: graphs, by: hands)
        coarseBranch(rows: configuration.length)
        return PaddingTail.Rows(
            local: local, first: first, second: second, joined: joined, coarse: branches.coarse.values(),
            visual: graphs.output.matrix)
    }

    /// Steps 1 to 4.
    private func run(_ rows: ArraySlice<Float>, _ extent: ChunkExtent) {
        embed(rows, extent)
        for layer in 0..<network.local.count {
            network.local[layer].run(
                graphs.rows.rows(0..<extent.local), window: configuration.window, scratch: local, by: hands)
        }
        if let tail {
            let end = extent.rest + GraphModule.readsBehind(extent.rest)
            let padding = extent.local..<min(end, configuration.length)
            graphs.rows.rows(padding).copy(from: tail.local, rows: padding)
        }
        let beyond = tail.map {
            GraphModule.Beyond(first: $0.first[row: extent.rest], second: $0.second[row: extent.rest])
        }
        network.graphs.run(valid: extent.valid, rows: extent.rest, beyond: beyond, scratch: graphs, by: hands)
        network.refinement?.run(rows: extent.rest, beyond: tail?.joined, scratch: graphs, by: hands)
        coarseBranch(rows: extent.rest)
    }

    /// Step 1: x = X + P, on padded rows P alone.
    private func embed(_ rows: ArraySlice<Float>, _ extent: ChunkExtent) {
        let x = graphs.rows
        x.rows(0..<extent.local).copy(from: network.positions, rows: 0..<extent.local)
        x.rows(0..<extent.valid).add(rows)
    }

    /// Step 4.
    private func coarseBranch(rows m: Int) {
        let rows = 0..<m
        network.coarse.run(
            graphs.output.rows(rows), into: branches.coarse.rows(rows), hidden: branches.hidden.rows(rows),
            part: branches.part.rows(rows), by: hands)
    }

    /// Step 6: the visual prompt over all L rows, the prompted text features u_k, and cos(V_i, u_k) / 0.07 of the valid
    /// rows.
    private func alignmentBranch(_ extent: ChunkExtent, classes: ClassFeatures) -> MatrixView {
        let n = extent.valid
        let k = 0..<classes.labels.count
        let v = graphs.output.rows(0..<extent.rest)
        hands.product(branches.coarse.rows(0..<extent.rest).asRow, v, into: branches.prompt)
        if let tail { branches.prompt.add(tail.prompt[row: extent.rest]) }
        hands.lengths(branches.prompt, into: branches.promptLength)
        branches.prompt.scale(by: 1 / branches.promptLength[0, 0])
        let u = branches.text.rows(k)
        u.copy(from: classes.features.values[...])
        for row in k { u.rows(row..<row + 1).add(branches.prompt) }
        network.promptMLP.addTo(u, into: u, residual: u, hidden: branches.textHidden.rows(k), by: hands)
        normalise(u, lengths: branches.textLengths.rows(k))
        let valid = v.rows(0..<n)
        let logits = branches.fine(classes: k.count).rows(0..<n)
        hands.dots(valid, u, scale: 1 / 0.07, into: logits)
        let lengths = branches.lengths.rows(0..<n)
        hands.lengths(valid, into: lengths)
        for row in 0..<n { logits.rows(row..<row + 1).scale(by: 1 / lengths[row, 0]) }
        return logits
    }

    private func normalise(_ x: MatrixView, lengths: MatrixView) {
        hands.lengths(x, into: lengths)
        for row in 0..<x.rows { x.rows(row..<row + 1).scale(by: 1 / lengths[row, 0]) }
    }
}

/// The intermediate matrices of both branches.
struct BranchScratch {
    let hidden: MatrixView
    let coarse: MatrixView
    let part: MatrixView
    let prompt: MatrixView
    let promptLength: MatrixView
    let text: MatrixView
    let textHidden: MatrixView
    let textLengths: MatrixView
    let lengths: MatrixView
    private let fineBlock: MatrixView

    /// - Parameter hidden: room for the C-Branch's inner rows, [L, 4d], which nobody uses at the same time
    init(in workspace: Workspace, length: Int, width: Int, hidden: MatrixView) {
        self.hidden = hidden
        coarse = workspace.matrix(rows: length, columns: 1)
        part = workspace.matrix(rows: length, columns: 1)
        prompt = workspace.matrix(rows: 1, columns: width)
        promptLength = workspace.matrix(rows: 1, columns: 1)
        text = workspace.matrix(rows: ClassFeatures.most, columns: width)
        textHidden = workspace.matrix(rows: ClassFeatures.most, columns: 4 * width)
        textLengths = workspace.matrix(rows: ClassFeatures.most, columns: 1)
        lengths = workspace.matrix(rows: length, columns: 1)
        fineBlock = workspace.matrix(rows: length, columns: ClassFeatures.most)
    }

    /// Room for the fine logits of K classes, [L, K].
    func fine(classes: Int) -> MatrixView { fineBlock.columns(0..<classes) }
}

/// The arithmetic that scoring takes, for benchmarks.
public struct ChunkWork: Sendable, Equatable {
    /// Floating-point operations, a multiply-add counted as two.
    public let operations: Double

    /// The work of a video of T snippets, chunk by chunk, with what need not be computed left out.
    public init(snippets: Int, _ configuration: ModelConfiguration) {
        let chunks = Chunks(snippets: snippets, length: configuration.length)
        operations = (0..<chunks.count).reduce(0) { $0 + Self.chunk(chunks[$1].count, configuration) }
    }

    private static func chunk(_ n: Int, _ configuration: ModelConfiguration) -> Double {
        let extent = ChunkExtent(needed: configuration, valid: n)
        let (d, valid, classes) = (
            Double(configuration.width), Double(n), Double(configuration.labels.count)
        )
        let (local, rest) = (Double(extent.local), Double(extent.rest))
        let window = Double(min(configuration.window, configuration.length))
        // Two projections d², feed-forward 8 d², and scores and values of a window.
        let block = local * (10 * d * d + 2 * window * d)
        // W1 and W3 d², their convolutions 2 d², W2 and W4 d² / 2, the join d², the coarse branch 4 d²; a refinement 2 d².
        let rows = rest * (8.5 + 2 * Double(configuration.kind.family.trunk.refinements.count)) * d * d
        // Cosines, and both products with the similarity graph.
        let graph = valid * valid * 2 * d
        // MLP1, and the fine logits.
        let alignment = classes * (8 * d * d + valid * d)
        return 2 * (Double(configuration.layers) * block + rows + graph + alignment)
    }
}
