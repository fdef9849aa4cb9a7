import Platform
import Tensors
import VadCLIP

/// The whole network over a group of samples: what a step computes forwards, its losses, and backwards.
///
/// A sample's rows are computed by one thread at a time; weights' gradients are products over the whole group, a block of
/// outputs a thread. So every number is summed in one order, whatever the threads.
final class TrainedNetwork {
    private let memory: TrainedMemory
    private let group: Group
    /// Numbers in the matrices of the group, of those backwards once there was a step.
    var reserved: Int { group.workspace.count }
    private let crew: TaskCrew
    private let without: Set<Ablation>
    private let positions: (weight: MatrixView, gradient: MatrixView)
    private let layers: [LocalLayer]
    private let graphs: GraphLayer
    private let coarse: CoarseBranch
    private let alignment: AlignmentBranch
    /// The gradients' memory, reserved with the first step: whoever only evaluates needs none.
    private var slopes: Slopes?

    /// Losses of a group, sums over its samples.
    struct Losses {
        var coarse = 0.0
        var alignment = 0.0
    }

    /// One video's rows, [n, d], n ≤ L.
    struct Input {
        let values: ArraySlice<Float>
        let count: Int
    }

    /// Gradients by intermediate matrices.
    private final class Slopes {
        let local: LocalGradients
        let graphs: GraphGradients
        let alignment: AlignmentGradients
        let coarse: MatrixView
        let fine: MatrixView
        /// Both losses of each sample.
        let losses: MatrixView

        init(_ group: Group) {
            local = LocalGradients(group)
            graphs = GraphGradients(group)
            alignment = AlignmentGradients(group)
            coarse = group.matrix(columns: 1)
            fine = group.matrix(columns: group.model.labels.count)
            losses = group.partials(columns: 2)
        }
    }

    init(in memory: TrainedMemory, model: ModelConfiguration, without: Set<Ablation>, crew: TaskCrew) {
        let group = Group(model: model, threads: crew.threads, kernels: memory.kernels)
        self.memory = memory
        self.group = group
        self.crew = crew
        self.without = without
        positions = memory.tensor(ParameterLayout.positions)
        layers =
            without.contains(.local)
            ? [] : (0..<model.layers).map { LocalLayer("temporal.resblocks.\($0)", in: memory, group: group) }
        graphs = GraphLayer(in: memory, group: group, without: without)
        coarse = CoarseBranch(in: memory, group: group)
        alignment = AlignmentBranch(in: memory, group: group, without: without)
    }

    private func run(_ tasks: [GradientTask]) {
        let scratch = group.scratch
        crew.run(tasks.count) { tasks[$0](scratch[$1]) }
    }

    /// Prepares the weights as they are now.
    ///
    /// - Parameter text: the classes' text features, [K, d]
    func prepare(text: Matrix) {
        alignment.take(text: text)
        run(layers.flatMap(\.merging) + graphs.merging + coarse.merging)
        run(layers.flatMap(\.packing) + graphs.packing + coarse.packing + alignment.packing)
    }

    /// Logits of at most `Group.most` inputs.
    func logits(of inputs: [Input]) -> [Logits] {
        forward(inputs)
        return inputs.enumerated().map { sample, input in
            var logits = Logits(snippets: input.count, classes: group.model.labels.count)
            let rows = group.rows(sample).lowerBound..<group.rows(sample).lowerBound + input.count
            coarse.logits.rows(rows).write(to: &logits.coarse, at: 0)
            alignment.logits.rows(rows).write(to: &logits.fine, at: 0)
            return logits
        }
    }

    private func forward(_ inputs: [Input]) {
        let counts = inputs.map(\.count)
        crew.run(inputs.count) { [self] sample, thread in
            embed(inputs[sample], sample)
            for (index, layer) in layers.enumerated() {
                let next = index + 1 < layers.count ? layers[index + 1].input : graphs.input
                layer.run(group.rows(sample), into: next)
            }
            graphs.run(sample, valid: counts[sample], thread: thread)
            coarse.run(sample, graphs.output, thread: thread)
            if !without.contains(.alignment) {
                alignment.prompt(sample, valid: counts[sample], coarse: coarse.logits, graphs.output)
            }
        }
        if without.contains(.alignment) { return }
        run(alignment.mix(inputs.count))
        crew.run(inputs.count) { [self] sample, _ in alignment.run(sample, valid: counts[sample], graphs.output) }
    }

    /// x = X + P, on padded rows P alone.
    private func embed(_ input: Input, _ sample: Int) {
        let x = (layers.first?.input ?? graphs.input).rows(group.rows(sample))
        x.copy(from: positions.weight)
        x.rows(0..<input.count).add(input.values)
    }

    /// Losses of at most `Group.most` samples, and the gradients of all weights but the prompt's, added to what is there.
    ///
    /// - Parameters:
    ///   - batch: samples of the whole step
    ///   - isFirst: of the step's groups
    ///   - text: receives the gradient by the text features too, [K, d]
    func learn(_ samples: [Sample], batch: Int, isFirst: Bool, text: MatrixView) -> Losses {
        let slopes = self.slopes ?? Slopes(group)
        self.slopes = slopes
        if isFirst { run(layers.flatMap(\.clearing) + coarse.clearing) }
        forward(samples.map { Input(values: $0.features.values[...], count: $0.features.rows) })
        crew.run(samples.count) { [self] sample, thread in
            lose(samples[sample], sample, share: 1 / Float(batch), slopes, thread: thread)
        }
        if !without.contains(.alignment) { run(alignment.mixBackward(samples.count, slopes.alignment)) }
        backward(samples.map { $0.features.rows }, isFirst: isFirst, slopes, text: text)
        return (0..<samples.count).reduce(into: Losses()) { losses, sample in
            losses.coarse += Double(slopes.losses[sample, 0])
            losses.alignment += Double(slopes.losses[sample, 1])
        }
    }

    /// One sample's losses, and the gradients by its logits, by u and by V.
    private func lose(_ sample: Sample, _ index: Int, share: Float, _ slopes: Slopes, thread: Int) {
        let (rows, n) = (group.rows(index), sample.features.rows)
        let valid = rows.lowerBound..<rows.lowerBound + n
        slopes.coarse.rows(rows).fill(0)
        slopes.losses[index, 0] = MultipleInstanceLoss.coarse(
            coarse.logits.rows(valid).values(), target: sample.isNormal ? 0 : 1, share: share,
            gradient: slopes.coarse.rows(valid))
        slopes.losses[index, 1] = 0
        if without.contains(.alignment) { return slopes.graphs.visual.rows(rows).fill(0) }
        let fine = slopes.fine.rows(valid)
        slopes.losses[index, 1] = MultipleInstanceLoss.alignment(
            alignment.logits.rows(valid), labels: sample.labels, share: share, gradient: fine)
        alignment.runBackward(
            index, valid: n, logits: fine, graphs.output, into: slopes.graphs.visual, slopes.alignment,
            product: group.scratch[thread], thread: thread)
    }

    private func backward(_ counts: [Int], isFirst: Bool, _ slopes: Slopes, text: MatrixView) {
        let count = counts.count
        crew.run(count) { [self] sample, thread in
            let (own, visual) = (slopes.coarse.rows(group.rows(sample)), slopes.graphs.visual)
            if !without.contains(.alignment) {
                alignment.promptBackward(
                    sample, valid: counts[sample], coarse: coarse.logits, graphs.output, into: visual, logits: own,
                    slopes.alignment, thread: thread)
            }
            coarse.runBackward(sample, logits: own, graphs.output, into: visual, thread: thread)
            graphs.runBackward(
                sample, valid: counts[sample], into: slopes.local.outgoing, slopes.graphs,
                product: group.scratch[thread], thread: thread)
        }
        let heads = without.contains(.alignment) ? [] : alignment.gradient(count, slopes.alignment, text: text)
        run(heads + coarse.gradient(count, graphs.output) + graphs.gradient(count, isFirst: isFirst, slopes.graphs))
        for layer in layers.reversed() {
            crew.run(count) { [self] sample, thread in
                layer.runBackward(sample, slopes.local, product: group.scratch[thread], thread: thread)
            }
            run(layer.gradient(count, slopes.local))
            slopes.local.advance()
        }
        run(positionGradient(count, slopes.local.outgoing))
    }

    private func positionGradient(_ count: Int, _ dx: MatrixView) -> [GradientTask] {
        let (kernels, gradient, group) = (memory.kernels, positions.gradient, group)
        return blocks(of: group.model.length, by: 64).map { rows in
            { _ in
                for sample in 0..<count { kernels.add(dx.rows(group.rows(sample)).rows(rows), to: gradient.rows(rows)) }
            }
        }
    }

    /// What is left to do when all groups of a step are through.
    func finish() {
        run(layers.flatMap(\.turning))
        run(layers.flatMap(\.unmerging) + graphs.finishing + coarse.finishing)
    }
}
