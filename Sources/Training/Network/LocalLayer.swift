import Tensors
import VadCLIP

/// One layer of the local module, forwards and backwards: x += Attention(LN1(x)) within windows, x += W2 g(W1 LN2(x)).
///
/// Spec: "Forward pass", step 2. All matrices are [R, ...]; a sample's rows are computed by one thread.
final class LocalLayer {
    private let group: Group
    private let kernels: Kernels
    private let attention: MergedAttention
    private let attentionNorm: ChangingNorm
    private let expansion: Dense
    private let contraction: Dense
    private let feedForwardNorm: ChangingNorm
    /// What comes in, [R, d].
    let input: MatrixView
    private let normed: MatrixView
    private let asking: MatrixView
    /// Softmax of each row's scores in its window, [R, window].
    private let weights: MatrixView
    private let mixed: MatrixView
    private let middle: MatrixView
    private let normedMiddle: MatrixView
    /// W1 LN2(x) before its activation, [R, 4d].
    private let expanded: MatrixView
    private let hidden: MatrixView
    private let partials: [MatrixView]
    /// Whether nobody reads any row of a sample's output but its first.
    private let isOfFirst: Bool

    /// The layer whose tensors' names begin so.
    ///
    /// - Parameter isOfFirst: whether it is made for each sample's first row alone; the window has all rows then
    init(_ name: String, in memory: TrainedMemory, group: Group, isOfFirst: Bool = false) {
        let d = group.model.width
        precondition(!isOfFirst || group.model.window >= group.model.length, "the first row looks at all")
        self.isOfFirst = isOfFirst
        self.group = group
        kernels = memory.kernels
        attention = MergedAttention(name + ".attn", width: d, in: memory)
        attentionNorm = ChangingNorm(name + ".ln_1", in: memory)
        expansion = Dense(name + ".mlp.c_fc", in: memory)
        contraction = Dense(name + ".mlp.c_proj", in: memory)
        feedForwardNorm = ChangingNorm(name + ".ln_2", in: memory)
        input = group.matrix(columns: d)
        normed = group.matrix(columns: d)
        asking = group.matrix(columns: d)
        weights = group.matrix(columns: min(group.model.window, group.model.length))
        mixed = group.matrix(columns: d)
        middle = group.matrix(columns: d)
        normedMiddle = group.matrix(columns: d)
        expanded = group.matrix(columns: 4 * d)
        hidden = group.matrix(columns: 4 * d)
        partials = (0..<4).map { _ in group.partials(columns: d) }
    }

    /// First `merging`, then `packing`, once a step; `clearing` before its first group.
    var merging: [GradientTask] { attention.merging }
    var clearing: [GradientTask] { attention.clearing }
    var packing: [GradientTask] { attention.packing + expansion.packing + contraction.packing }

    /// The windows of a sample's rows; the last takes the rest.
    private func windows(_ rows: Range<Int>) -> [Range<Int>] {
        blocks(of: rows.count, by: group.model.window).map {
            rows.lowerBound + $0.lowerBound..<rows.lowerBound + $0.upperBound
        }
    }

    /// Those of a sample's rows, or of a window's, whose output is read.
    private func read(_ rows: Range<Int>) -> Range<Int> {
        isOfFirst ? rows.lowerBound..<rows.lowerBound + 1 : rows
    }

    /// Those rows of `count` samples.
    private func read(_ x: MatrixView, of count: Int) -> MatrixView {
        let all = x.rows(0..<count * group.model.length)
        return isOfFirst ? all.everyRow(of: group.model.length) : all
    }

    /// One sample's rows of `input`, into those of `output`.
    func run(_ all: Range<Int>, into output: MatrixView) {
        let rows = read(all)
        let x = input.rows(rows)
        kernels.layerNorm(
            input.rows(all), gain: attentionNorm.gain.weight, shift: attentionNorm.shift.weight, into: normed.rows(all))
        attention.asking.run(normed.rows(rows), into: asking.rows(rows))
        let scale = 1 / Float(x.columns).squareRoot()
        for window in windows(all) {
            let own = read(window)
            let scores = weights.rows(own).columns(0..<window.count)
            kernels.dots(asking.rows(own), normed.rows(window), scale: scale, into: scores)
            kernels.softmax(scores)
            kernels.product(scores, normed.rows(window), into: mixed.rows(own))
        }
        let (mid, after) = (middle.rows(rows), normedMiddle.rows(rows))
        attention.output.run(mixed.rows(rows), into: mid, residual: x)
        kernels.layerNorm(mid, gain: feedForwardNorm.gain.weight, shift: feedForwardNorm.shift.weight, into: after)
        expansion.run(after, into: expanded.rows(rows))
        kernels.quickGELU(expanded.rows(rows), into: hidden.rows(rows))
        contraction.run(hidden.rows(rows), into: output.rows(rows), residual: mid)
    }

    /// One sample's gradient by the output, `scratch.outgoing`, to that by the input, `scratch.incoming`.
    func runBackward(_ sample: Int, _ scratch: LocalGradients, product: MatrixView, thread: Int) {
        let all = group.rows(sample)
        let rows = read(all)
        let (out, mid, wide) = (scratch.outgoing.rows(rows), scratch.middle.rows(rows), scratch.expanded.rows(rows))
        let part = partials.map { $0.rows(sample..<sample + 1) }
        for sum in part { sum.fill(0) }
        contraction.runBackward(out, into: wide)
        kernels.quickGELUBackward(expanded.rows(rows), dy: wide, into: wide)
        expansion.runBackward(wide, into: mid)
        kernels.layerNormBackward(
            middle.rows(rows), gain: feedForwardNorm.gain.weight, dy: mid, into: mid, residual: out,
            sums: (part[0], part[1]))
        let (toMixed, toNormed) = (scratch.mixed[thread].rows(0..<rows.count), scratch.normed[thread])
        attention.output.runBackward(mid, into: toMixed)
        windowsBackward(all, toMixed: toMixed, toNormed: toNormed, scratch, product: product, thread: thread)
        let asked = toNormed.rows(0..<rows.count)
        attention.asking.runBackward(scratch.asking.rows(rows), into: asked, residual: asked)
        if isOfFirst { scratch.middle.rows(rows.upperBound..<all.upperBound).fill(0) }
        kernels.layerNormBackward(
            input.rows(all), gain: attentionNorm.gain.weight, dy: toNormed, into: scratch.incoming.rows(all),
            residual: scratch.middle.rows(all), sums: (part[2], part[3]))
    }

    /// From the gradient of what was attended to, to those of what was asked for and, for now, of the normed rows.
    private func windowsBackward(
        _ rows: Range<Int>, toMixed: MatrixView, toNormed: MatrixView, _ scratch: LocalGradients, product: MatrixView,
        thread: Int
    ) {
        let scale = 1 / Float(toMixed.columns).squareRoot()
        for window in windows(rows) {
            let own = window.lowerBound - rows.lowerBound..<window.upperBound - rows.lowerBound
            let (read, mixed) = (read(window), read(own))
            let scores = weights.rows(read).columns(0..<window.count)
            let slopes = scratch.scores[thread].rows(0..<read.count).columns(0..<window.count)
            let (normed, asked) = (normed.rows(window), scratch.asking.rows(read))
            kernels.dots(toMixed.rows(mixed), normed, into: slopes)
            kernels.softmaxBackward(scores, scale: scale, gradient: slopes)
            kernels.product(slopes, normed, into: asked)
            kernels.transposedProduct(scores, toMixed.rows(mixed), into: toNormed.rows(own), scratch: product)
            kernels.transposedProduct(
                slopes, asking.rows(read), into: toNormed.rows(own), adding: true, scratch: product)
        }
    }

    /// The weights' gradients of `count` samples, in parts, once all of them have gone backwards.
    func gradient(_ count: Int, _ scratch: LocalGradients) -> [GradientTask] {
        func rows(_ x: MatrixView) -> MatrixView { read(x, of: count) }
        let norms = [
            feedForwardNorm.gain.gradient, feedForwardNorm.shift.gradient, attentionNorm.gain.gradient,
            attentionNorm.shift.gradient,
        ]
        return contraction.gradient(rows(hidden), rows(scratch.outgoing))
            + expansion.gradient(rows(normedMiddle), rows(scratch.expanded))
            + attention.output.gradient(rows(mixed), rows(scratch.middle))
            + attention.asking.gradient(rows(normed), rows(scratch.asking))
            + zip(partials, norms).map { group.sum($0, count, to: $1) }
    }

    /// What is left to do when all groups of a step are through: first `turning`, then `unmerging`.
    var turning: [GradientTask] { attention.turning }
    var unmerging: [GradientTask] { attention.unmerging }
}

/// Gradients that one layer after the other uses.
final class LocalGradients {
    /// By the layer's output, [R, d].
    private(set) var outgoing: MatrixView
    /// By its input, [R, d].
    private(set) var incoming: MatrixView
    let middle: MatrixView
    let expanded: MatrixView
    let asking: MatrixView
    fileprivate let mixed: [MatrixView]
    fileprivate let normed: [MatrixView]
    fileprivate let scores: [MatrixView]

    init(_ group: Group) {
        let (d, length) = (group.model.width, group.model.length)
        let window = min(group.model.window, length)
        outgoing = group.matrix(columns: d)
        incoming = group.matrix(columns: d)
        middle = group.matrix(columns: d)
        expanded = group.matrix(columns: 4 * d)
        asking = group.matrix(columns: d)
        mixed = group.scratch(rows: length, columns: d)
        normed = group.scratch(rows: length, columns: d)
        scores = group.scratch(rows: window, columns: window)
    }

    /// The layer before goes on from what this one's input has.
    func advance() { swap(&outgoing, &incoming) }
}
