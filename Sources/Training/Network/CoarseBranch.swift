import Tensors
import VadCLIP

/// The C-Branch, forwards and backwards: c = w·(V + MLP2(V)) + b.
///
/// Spec: "Forward pass", step 4. V + MLP2(V) is used for nothing else, so W2 of the MLP comes to one vector v = W2ᵀ w:
/// c = w·V + v·g(W1 V + b1) + (w·b2 + b), and its gradient is w ⊗ Σ dc g(…).
final class CoarseBranch {
    private let group: Group
    private let kernels: Kernels
    private let expansion: Dense
    private let contraction: (weight: MatrixView, gradient: MatrixView)
    private let contractionBias: (weight: MatrixView, gradient: MatrixView)
    private let classifier: (weight: MatrixView, gradient: MatrixView)
    private let classifierBias: (weight: MatrixView, gradient: MatrixView)
    /// v, [1, 4d].
    private let direction: MatrixView
    /// w·b2 + b, [1, 1].
    private let level: MatrixView
    /// c, [R, 1].
    let logits: MatrixView
    /// W1 V + b1, and later its gradient, [R, 4d].
    private let expanded: MatrixView
    private let hidden: [MatrixView]
    private let direct: [MatrixView]
    /// Σ dc g(…), Σ dc V and Σ dc of each sample.
    private let partials: (hidden: MatrixView, visual: MatrixView, one: MatrixView)
    /// Their sums over a step.
    private let sums: (hidden: MatrixView, visual: MatrixView, one: MatrixView)

    init(in memory: TrainedMemory, group: Group) {
        let (d, length) = (group.model.width, group.model.length)
        self.group = group
        kernels = memory.kernels
        expansion = Dense("mlp2.c_fc", in: memory)
        contraction = memory.tensor("mlp2.c_proj.weight")
        contractionBias = memory.tensor("mlp2.c_proj.bias")
        classifier = memory.tensor("classifier.weight")
        classifierBias = memory.tensor("classifier.bias")
        direction = memory.matrix(rows: 1, columns: 4 * d)
        level = memory.matrix(rows: 1, columns: 1)
        logits = group.matrix(columns: 1)
        expanded = group.matrix(columns: 4 * d)
        hidden = group.scratch(rows: length, columns: 4 * d)
        direct = group.scratch(rows: length, columns: 1)
        partials = (group.partials(columns: 4 * d), group.partials(columns: d), group.partials(columns: 1))
        sums = (
            memory.matrix(rows: 1, columns: 4 * d), memory.matrix(rows: 1, columns: d),
            memory.matrix(rows: 1, columns: 1)
        )
    }

    /// Makes v and the constant.
    var merging: [GradientTask] {
        [
            { [self] _ in
                kernels.product(classifier.weight, contraction.weight, into: direction)
                kernels.dots(classifier.weight, contractionBias.weight, into: level)
                level.add(classifierBias.weight)
            }
        ]
    }

    /// Clears what is summed over a step, before its first group.
    var clearing: [GradientTask] {
        [{ [sums] _ in for sum in [sums.hidden, sums.visual, sums.one] { sum.fill(0) } }]
    }

    var packing: [GradientTask] { expansion.packing }

    /// c of one sample's rows of V.
    func run(_ sample: Int, _ visual: MatrixView, thread: Int) {
        let rows = group.rows(sample)
        let (v, c) = (visual.rows(rows), logits.rows(rows))
        expansion.run(v, into: expanded.rows(rows))
        kernels.quickGELU(expanded.rows(rows), into: hidden[thread])
        kernels.dots(hidden[thread], direction, into: c)
        kernels.dots(v, classifier.weight, into: direct[thread])
        c.add(direct[thread])
        c.add(level[0, 0])
    }

    /// Adds to one sample's gradient by V, `incoming`, what comes from that by its logits, [L, 1].
    func runBackward(
        _ sample: Int, logits slopes: MatrixView, _ visual: MatrixView, into incoming: MatrixView, thread: Int
    ) {
        let (rows, one) = (group.rows(sample), sample..<sample + 1)
        let (v, dv, wide) = (visual.rows(rows), incoming.rows(rows), expanded.rows(rows))
        kernels.quickGELUBackward(wide, dy: direction, factors: slopes, into: wide, values: hidden[thread])
        kernels.product(slopes.asRow, hidden[thread], into: partials.hidden.rows(one))
        kernels.product(slopes.asRow, v, into: partials.visual.rows(one))
        partials.one[sample, 0] = (0..<rows.count).reduce(Float(0)) { $0 + slopes[$1, 0] }
        kernels.product(slopes, classifier.weight, into: dv, residual: dv)
        expansion.runBackward(wide, into: dv, residual: dv)
    }

    /// The weights' gradients of `count` samples, in parts.
    func gradient(_ count: Int, _ visual: MatrixView) -> [GradientTask] {
        let rows = 0..<count * group.model.length
        return expansion.gradient(visual.rows(rows), expanded.rows(rows)) + [
            group.sum(partials.hidden, count, to: sums.hidden), group.sum(partials.visual, count, to: sums.visual),
            group.sum(partials.one, count, to: sums.one),
        ]
    }

    /// The gradients of w, W2 and the biases from the step's sums, once all groups are through.
    var finishing: [GradientTask] {
        [
            { [self] scratch in
                kernels.transposedProduct(classifier.weight, sums.hidden, into: contraction.gradient, scratch: scratch)
                kernels.dots(sums.hidden, contraction.weight, into: classifier.gradient)
                kernels.add(sums.visual, to: classifier.gradient)
                kernels.add(contractionBias.weight, times: sums.one[0, 0], to: classifier.gradient)
                kernels.add(classifier.weight, times: sums.one[0, 0], to: contractionBias.gradient)
                classifierBias.gradient[0, 0] = sums.one[0, 0]
            }
        ]
    }
}
