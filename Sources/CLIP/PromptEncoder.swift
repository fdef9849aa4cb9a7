import Tensors

/// The frozen text tower as training needs it: text features of the labels from a prompt that changes, and the prompt's
/// gradient from theirs.
///
/// Only rows have gradients here, no weights. Shape: K labels, d the tower's width. What is computed and by whom says
/// `PromptRows`; numbers are the same bits for any number of threads.
///
/// Not `Sendable`: one thread calls it at a time, and lends it others by `parallel`.
public final class PromptEncoder {
    /// Calls `body` with each of so many tasks and the thread that does it, below the number of threads, and returns when all
    /// are done.
    public typealias Parallel = (_ tasks: Int, _ body: @escaping (_ task: Int, _ thread: Int) -> Void) -> Void

    private let configuration: TextTower.Configuration
    private let kernels: Kernels
    private let rows: PromptRows
    private let tasks: [PromptRows.Block]
    private let blocks: [FrozenBlock]
    private let finalNorm: LayerNorm
    private let projection: FrozenBlock.Frozen
    private let attention: SharedAttention
    private let workspace = Workspace()
    /// What is added to the prompt, or to nothing where a token is: [rows, d].
    private let embeddings: MatrixView
    private let memory: [PromptMemory]
    private let scratch: PromptScratch
    /// Gradients' memory, reserved with the first `backward`.
    private var slopes: PromptSlopes?
    private let threads: Int

    /// Reads the tower's weights and packs them both ways.
    ///
    /// - Parameters:
    ///   - source: the weights by their names
    ///   - configuration: the tower's shape
    ///   - tokens: word tokens of each label
    ///   - kernels: those that compute
    ///   - threads: as many as `parallel` will have
    public init(
        from source: some WeightSource, configuration: TextTower.Configuration, tokens: [[Int]], kernels: Kernels,
        threads: Int
    ) throws(TextTowerError) {
        for (index, words) in tokens.enumerated() { try configuration.check(words, label: index) }
        let rows = PromptRows(configuration, tokens: tokens)
        let width = configuration.width
        self.configuration = configuration
        self.kernels = kernels
        self.rows = rows
        self.threads = threads
        self.tasks = rows.blocks(threads: threads)
        attention = SharedAttention(heads: configuration.heads, width: width, span: rows.span, kernels: kernels)
        embeddings = workspace.matrix(rows: rows.count, columns: width)
        do throws(WeightError) {
            var blocks: [FrozenBlock] = []
            for layer in 0..<configuration.layers {
                blocks.append(
                    try FrozenBlock(
                        from: source, prefix: TextTower.Names.blocks + String(layer), width: width, kernels: kernels))
            }
            self.blocks = blocks
            finalNorm = try Preparation(kernels: kernels).layerNorm(
                TextTower.Names.finalNorm, width: width, from: source)
            projection = try FrozenBlock.Frozen(
                weights: TextTower.Names.projection, bias: nil, inputs: width, outputs: configuration.outputWidth,
                isOutputMajor: false, from: source, kernels: kernels)
            try Self.fill(embeddings, rows, configuration, from: source)
        } catch {
            throw .badWeights(error)
        }
        memory = (0..<configuration.layers).map { [workspace] layer in
            PromptMemory(
                in: workspace, rows: rows, width: width, heads: configuration.heads,
                isLast: layer == configuration.layers - 1)
        }
        scratch = PromptScratch(
            in: workspace, rows: rows, width: width, outputWidth: configuration.outputWidth)
    }

    /// Position embeddings, and the tokens' where there are tokens.
    private static func fill(
        _ embeddings: MatrixView, _ rows: PromptRows, _ configuration: TextTower.Configuration,
        from source: some WeightSource
    ) throws(WeightError) {
        let width = configuration.width
        let positions = try source.floats(TextTower.Names.positions, shape: [configuration.context, width])
        let tokens = try source.floats(TextTower.Names.tokens, shape: [configuration.vocabulary, width])
        for row in 0..<rows.count {
            let (to, position) = (embeddings.rows(row..<row + 1), rows.positions[row])
            to.copy(from: positions[position * width..<(position + 1) * width])
            if let token = rows.tokens[row] { to.add(tokens[token * width..<(token + 1) * width]) }
        }
    }

    /// Text features with a prompt [context, d], [K, outputWidth].
    public func encode(_ prompt: MatrixView, parallel: Parallel) -> Matrix {
        precondition(prompt.rows == configuration.context && prompt.columns == configuration.width)
        parallel(tasks.count) { [self] task, _ in
            let own = tasks[task].rows
            let x = memory[0].input
            x.rows(own).copy(from: embeddings.rows(own))
            for row in own where rows.tokens[row] == nil {
                x.rows(row..<row + 1).add(prompt.rows(rows.positions[row]..<rows.positions[row] + 1))
            }
            begin(0, own)
        }
        for layer in 0..<blocks.count {
            parallel(tasks.count) { [self] task, _ in
                finish(layer, tasks[task])
                if layer + 1 < blocks.count { begin(layer + 1, tasks[task].rows) }
            }
        }
        kernels.layerNorm(scratch.ends, finalNorm, into: scratch.normedEnds)
        kernels.product(scratch.normedEnds, projection.forward, into: scratch.features)
        return scratch.features.matrix
    }

    /// Queries, keys and values of a layer.
    private func begin(_ layer: Int, _ own: Range<Int>) {
        let normed = scratch.normed.rows(own)
        kernels.layerNorm(memory[layer].input.rows(own), blocks[layer].attentionNorm, into: normed)
        kernels.product(normed, blocks[layer].projection.forward, into: memory[layer].projected.rows(own))
    }

    /// Attention and what follows it; of the last layer only the labels' end rows.
    private func finish(_ layer: Int, _ task: PromptRows.Block) {
        let (block, kept, isLast) = (blocks[layer], memory[layer], layer == blocks.count - 1)
        for part in attending(task, isLast: isLast) {
            attention.run(
                part.rows, projected: kept.projected, weights: kept.weights.rows(part.places),
                into: scratch.mixed.rows(part.places))
        }
        let own = isLast ? task.labels : task.rows
        let next = isLast ? scratch.ends : memory[layer + 1].input
        if isLast { for label in own { kept.ends.rows(label..<label + 1).copy(from: kept.input.rows(end(label))) } }
        let (middle, normed) = (kept.middle.rows(own), scratch.normed.rows(own))
        kernels.product(
            scratch.mixed.rows(own), block.output.forward, into: middle,
            residual: (isLast ? kept.ends : kept.input).rows(own))
        kernels.layerNorm(middle, block.feedForwardNorm, into: normed)
        kernels.product(normed, block.expansion.forward, into: kept.expanded.rows(own))
        kernels.quickGELU(kept.expanded.rows(own), into: scratch.hidden.rows(own))
        kernels.product(scratch.hidden.rows(own), block.contraction.forward, into: next.rows(own), residual: middle)
    }

    private func end(_ label: Int) -> Range<Int> { rows.labels[label].upperBound - 1..<rows.labels[label].upperBound }

    /// Who attends to whom in a block, and the rows of weights and mixtures that are theirs.
    private func attending(
        _ task: PromptRows.Block, isLast: Bool
    ) -> [(rows: SharedAttention.Rows, places: Range<Int>, label: Int?)] {
        let labels = task.labels.map { label in
            let own = rows.labels[label]
            return (
                rows: SharedAttention.Rows(shared: rows.shared, own: own, asking: isLast ? end(label) : own),
                places: isLast ? label..<label + 1 : own, label: Int?.some(label)
            )
        }
        guard task.hasShared, !isLast else { return labels }
        let none = rows.shared.lowerBound..<rows.shared.lowerBound
        return [
            (
                rows: SharedAttention.Rows(shared: none, own: rows.shared, asking: rows.shared), places: rows.shared,
                label: nil
            )
        ] + labels
    }

    /// Adds to the prompt's gradient [context, d] what comes from that by the text features, [K, outputWidth]; after `encode`.
    public func backward(_ gradient: Matrix, to prompt: MatrixView, parallel: Parallel) {
        precondition(prompt.rows == configuration.context && prompt.columns == configuration.width)
        let slopes = reserved()
        slopes.features.copy(from: gradient.values[...])
        kernels.product(slopes.features, projection.backward, into: slopes.ends)
        kernels.layerNormBackward(scratch.ends, finalNorm, dy: slopes.ends, into: slopes.ends)
        for layer in (0..<blocks.count).reversed() {
            parallel(tasks.count) { [self] task, thread in
                if layer + 1 < blocks.count { enter(layer + 1, tasks[task], slopes) }
                leave(layer, tasks[task], slopes, thread: thread)
            }
        }
        parallel(tasks.count) { [self] task, _ in enter(0, tasks[task], slopes) }
        for row in 0..<rows.count where rows.tokens[row] == nil {
            let position = rows.positions[row]
            kernels.add(slopes.rows.rows(row..<row + 1), to: prompt.rows(position..<position + 1))
        }
    }

    /// From the gradient by a layer's output to those by its queries, keys and values.
    private func leave(_ layer: Int, _ task: PromptRows.Block, _ slopes: PromptSlopes, thread: Int) {
        let (block, kept, isLast) = (blocks[layer], memory[layer], layer == blocks.count - 1)
        let own = isLast ? task.labels : task.rows
        let out = (isLast ? slopes.ends : slopes.rows).rows(own)
        let (wide, middle) = (
            slopes.expanded.rows(own), (isLast ? slopes.endsMiddle : slopes.middle).rows(own)
        )
        kernels.product(out, block.contraction.backward, into: wide)
        kernels.quickGELUBackward(kept.expanded.rows(own), dy: wide, into: wide)
        kernels.product(wide, block.expansion.backward, into: middle)
        kernels.layerNormBackward(
            kept.middle.rows(own), block.feedForwardNorm, dy: middle, into: middle, residual: out)
        kernels.product(middle, block.output.backward, into: slopes.mixed.rows(own))
        if isLast { slopes.projected.rows(task.rows).fill(0) }
        for part in attending(task, isLast: isLast) {
            attention.runBackward(
                part.rows, projected: kept.projected, weights: kept.weights.rows(part.places),
                dMixed: slopes.mixed.rows(part.places), own: slopes.projected.rows(part.rows.own),
                shared: slopes.shared(part.label, layer: layer, rows), slopes: slopes.scores[thread],
                product: slopes.product[thread])
        }
    }

    /// From those by a layer's queries, keys and values to that by its input.
    private func enter(_ layer: Int, _ task: PromptRows.Block, _ slopes: PromptSlopes) {
        let (block, isLast) = (blocks[layer], layer == blocks.count - 1)
        if task.hasShared {
            let shared = slopes.projected.rows(rows.shared).columns(configuration.width..<3 * configuration.width)
            for label in 0..<rows.labels.count {
                kernels.add(slopes.shared(label, layer: layer, rows), to: shared)
            }
        }
        let to = slopes.rows.rows(task.rows)
        kernels.product(slopes.projected.rows(task.rows), block.projection.backward, into: to)
        kernels.layerNormBackward(
            memory[layer].input.rows(task.rows), block.attentionNorm, dy: to, into: to,
            residual: isLast ? nil : slopes.middle.rows(task.rows))
        guard isLast else { return }
        for label in task.labels {
            kernels.add(slopes.endsMiddle.rows(label..<label + 1), to: slopes.rows.rows(end(label)))
        }
    }

    private func reserved() -> PromptSlopes {
        if let slopes { return slopes }
        let made = PromptSlopes(configuration, rows: rows, threads: threads, kernels: kernels)
        slopes = made
        return made
    }
}
