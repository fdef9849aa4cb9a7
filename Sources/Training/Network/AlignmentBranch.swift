import Tensors
import VadCLIP

/// The A-Branch, forwards and backwards: the visual prompt, the prompted text features and their cosines with V.
///
/// Spec: "Forward pass", step 6. The K rows of all samples go through MLP1 together: they are [16 K, ...].
final class AlignmentBranch {
    private static let temperature: Float = 0.07

    private let group: Group
    private let kernels: Kernels
    private let without: Set<Ablation>
    private let classes: Int
    private let expansion: Dense
    private let contraction: Dense
    /// t, [K, d].
    private let text: MatrixView
    /// The visual prompt before it is brought to length 1, that length, and p itself, a row a sample.
    private let sum: MatrixView
    private let sumLength: MatrixView
    private let prompt: MatrixView
    /// t + p, and u.
    private let prompted: MatrixView
    private let output: MatrixView
    private let outputLength: MatrixView
    private let expanded: MatrixView
    private let hidden: MatrixView
    /// Lengths of V's rows, [R, 1].
    private let lengths: MatrixView
    /// Fine logits, [R, K].
    let logits: MatrixView

    init(in memory: TrainedMemory, group: Group, without: Set<Ablation>) {
        let (d, k) = (group.model.width, group.model.labels.count)
        self.group = group
        self.without = without
        kernels = memory.kernels
        classes = k
        expansion = Dense("mlp1.c_fc", in: memory)
        contraction = Dense("mlp1.c_proj", in: memory)
        text = memory.matrix(rows: k, columns: d)
        sum = group.partials(columns: d)
        sumLength = group.partials(columns: 1)
        prompt = group.partials(columns: d)
        func rows(_ columns: Int) -> MatrixView { group.workspace.matrix(rows: Group.most * k, columns: columns) }
        prompted = rows(d)
        output = rows(d)
        outputLength = rows(1)
        expanded = rows(4 * d)
        hidden = rows(4 * d)
        lengths = group.matrix(columns: 1)
        logits = group.matrix(columns: k)
    }

    var packing: [GradientTask] { expansion.packing + contraction.packing }

    /// Takes the classes' text features, [K, d].
    func take(text features: Matrix) { text.copy(from: features.values[...]) }

    private func rows(of sample: Int) -> Range<Int> { sample * classes..<(sample + 1) * classes }

    /// The visual prompt of one sample, and t + p.
    func prompt(_ sample: Int, valid n: Int, coarse: MatrixView, _ visual: MatrixView) {
        let (rows, one) = (group.rows(sample), sample..<sample + 1)
        let (v, p, u) = (visual.rows(rows), prompt.rows(one), prompted.rows(self.rows(of: sample)))
        u.copy(from: text)
        if without.contains(.visualPrompt) { return }
        if without.contains(.promptAttention) {
            sum.rows(one).fill(0)
            kernels.addColumnSums(v.rows(0..<n), to: sum.rows(one))
            sum.rows(one).scale(by: 1 / Float(n))
        } else {
            kernels.product(coarse.rows(rows).asRow, v, into: sum.rows(one))
        }
        kernels.lengths(sum.rows(one), into: sumLength.rows(one))
        p.copy(from: sum.rows(one))
        p.scale(by: 1 / sumLength[sample, 0])
        for row in 0..<classes { u.rows(row..<row + 1).add(p) }
    }

    /// u = (t + p) + MLP1(t + p) of `count` samples, in parts.
    func mix(_ count: Int) -> [GradientTask] {
        blocks(of: count * classes, by: 48).map { rows in
            { [self] _ in
                expansion.run(prompted.rows(rows), into: expanded.rows(rows))
                kernels.quickGELU(expanded.rows(rows), into: hidden.rows(rows))
                contraction.run(hidden.rows(rows), into: output.rows(rows), residual: prompted.rows(rows))
            }
        }
    }

    /// Fine logits of one sample's valid rows, cos(V_i, u_k) / 0.07.
    func run(_ sample: Int, valid n: Int, _ visual: MatrixView) {
        let (rows, own) = (group.rows(sample), self.rows(of: sample))
        let (v, f, u) = (visual.rows(rows).rows(0..<n), logits.rows(rows).rows(0..<n), output.rows(own))
        kernels.lengths(v, into: lengths.rows(rows).rows(0..<n))
        kernels.lengths(u, into: outputLength.rows(own))
        kernels.dots(v, u, scale: 1 / Self.temperature, into: f)
        for row in 0..<n {
            let length = lengths[rows.lowerBound + row, 0]
            for k in 0..<classes { f[row, k] /= length * outputLength[own.lowerBound + k, 0] }
        }
    }

    /// One sample's gradient by u and by V from that by its fine logits, [n, K], which is overwritten.
    func runBackward(
        _ sample: Int, valid n: Int, logits slopes: MatrixView, _ visual: MatrixView, into incoming: MatrixView,
        _ scratch: AlignmentGradients, product: MatrixView, thread: Int
    ) {
        let (rows, own) = (group.rows(sample), self.rows(of: sample))
        let (v, f, dv) = (visual.rows(rows).rows(0..<n), logits.rows(rows).rows(0..<n), incoming.rows(rows))
        let (du, unit) = (scratch.output.rows(own), scratch.unit[thread])
        unit.copy(from: output.rows(own))
        for k in 0..<classes { unit.rows(k..<k + 1).scale(by: 1 / outputLength[own.lowerBound + k, 0]) }
        var (along, alongRow) = ([Float](repeating: 0, count: classes), [Float](repeating: 0, count: n))
        for row in 0..<n {
            let factor = 1 / (Self.temperature * lengths[rows.lowerBound + row, 0])
            for k in 0..<classes {
                let pull = slopes[row, k] * f[row, k]
                along[k] += pull
                alongRow[row] += pull
                slopes[row, k] *= factor
            }
        }
        kernels.transposedProduct(slopes, v, into: du, scratch: product)
        for k in 0..<classes {
            kernels.add(unit.rows(k..<k + 1), times: -along[k], to: du.rows(k..<k + 1))
            du.rows(k..<k + 1).scale(by: 1 / outputLength[own.lowerBound + k, 0])
        }
        kernels.product(slopes, unit, into: dv.rows(0..<n))
        for row in 0..<n where alongRow[row] != 0 {
            let length = lengths[rows.lowerBound + row, 0]
            kernels.add(v.rows(row..<row + 1), times: -alongRow[row] / (length * length), to: dv.rows(row..<row + 1))
        }
        dv.rows(n..<rows.count).fill(0)
    }

    /// The gradient by t + p of `count` samples from that by u, in parts.
    func mixBackward(_ count: Int, _ scratch: AlignmentGradients) -> [GradientTask] {
        blocks(of: count * classes, by: 48).map { rows in
            { [self] _ in
                let (out, wide) = (scratch.output.rows(rows), scratch.expanded.rows(rows))
                contraction.runBackward(out, into: wide)
                kernels.quickGELUBackward(expanded.rows(rows), dy: wide, into: wide)
                expansion.runBackward(wide, into: scratch.prompted.rows(rows), residual: out)
            }
        }
    }

    /// Adds to one sample's gradients by V and by its coarse logits, [L, 1], what comes through the visual prompt.
    func promptBackward(
        _ sample: Int, valid n: Int, coarse: MatrixView, _ visual: MatrixView, into incoming: MatrixView,
        logits slopes: MatrixView, _ scratch: AlignmentGradients, thread: Int
    ) {
        if without.contains(.visualPrompt) { return }
        let (rows, one) = (group.rows(sample), sample..<sample + 1)
        let (v, dv, p, dp) = (visual.rows(rows), incoming.rows(rows), prompt.rows(one), scratch.prompt[thread])
        dp.fill(0)
        kernels.addColumnSums(scratch.prompted.rows(self.rows(of: sample)), to: dp)
        let along = scratch.along[thread]
        kernels.dots(p, dp, into: along.rows(0..<1))
        kernels.add(p, times: -along[0, 0], to: dp)
        dp.scale(by: 1 / sumLength[sample, 0])
        if without.contains(.promptAttention) {
            for row in 0..<n { kernels.add(dp, times: 1 / Float(n), to: dv.rows(row..<row + 1)) }
            return
        }
        kernels.product(coarse.rows(rows), dp, into: dv, residual: dv)
        kernels.dots(v, dp, into: along)
        slopes.add(along)
    }

    /// The weights' gradients of `count` samples, in parts, and the text features' gradient added to `text`, [K, d].
    func gradient(_ count: Int, _ scratch: AlignmentGradients, text: MatrixView) -> [GradientTask] {
        let rows = 0..<count * classes
        let features: GradientTask = { [self] _ in
            for sample in 0..<count { kernels.add(scratch.prompted.rows(self.rows(of: sample)), to: text) }
        }
        return contraction.gradient(hidden.rows(rows), scratch.output.rows(rows))
            + expansion.gradient(prompted.rows(rows), scratch.expanded.rows(rows)) + [features]
    }
}

/// Gradients of the A-Branch's intermediate matrices.
final class AlignmentGradients {
    fileprivate let output: MatrixView
    fileprivate let expanded: MatrixView
    fileprivate let prompted: MatrixView
    fileprivate let unit: [MatrixView]
    fileprivate let prompt: [MatrixView]
    fileprivate let along: [MatrixView]

    init(_ group: Group) {
        let (d, k, length) = (group.model.width, group.model.labels.count, group.model.length)
        func rows(_ columns: Int) -> MatrixView { group.workspace.matrix(rows: Group.most * k, columns: columns) }
        output = rows(d)
        expanded = rows(4 * d)
        prompted = rows(d)
        unit = group.scratch(rows: k, columns: d)
        prompt = group.scratch(rows: 1, columns: d)
        along = group.scratch(rows: length, columns: 1)
    }
}
