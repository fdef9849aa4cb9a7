import Tensors

/// What a layer's backward needs of its forward. R is all rows of `PromptRows`, or the K end rows where nothing else goes on
/// from the last layer.
struct PromptMemory {
    /// What comes in, [rows, d].
    let input: MatrixView
    /// Queries, keys and values, [rows, 3d].
    let projected: MatrixView
    /// Of the last layer the end rows of `input`, [K, d].
    let ends: MatrixView
    /// Attention's weights, [R, heads · span].
    let weights: MatrixView
    /// Behind the attention, [R, d].
    let middle: MatrixView
    /// Before the activation, [R, 4d].
    let expanded: MatrixView

    init(in workspace: Workspace, rows: PromptRows, width d: Int, heads: Int, isLast: Bool) {
        let going = isLast ? rows.labels.count : rows.count
        input = workspace.matrix(rows: rows.count, columns: d)
        projected = workspace.matrix(rows: rows.count, columns: 3 * d)
        ends = workspace.matrix(rows: isLast ? rows.labels.count : 0, columns: d)
        weights = workspace.matrix(rows: going, columns: heads * rows.span)
        middle = workspace.matrix(rows: going, columns: d)
        expanded = workspace.matrix(rows: going, columns: 4 * d)
    }
}

/// What is used again from layer to layer.
struct PromptScratch {
    let normed: MatrixView
    let mixed: MatrixView
    let hidden: MatrixView
    /// The end rows behind the last layer, and their LayerNorm, [K, d].
    let ends: MatrixView
    let normedEnds: MatrixView
    /// t, [K, outputWidth].
    let features: MatrixView

    init(in workspace: Workspace, rows: PromptRows, width d: Int, outputWidth: Int) {
        normed = workspace.matrix(rows: rows.count, columns: d)
        mixed = workspace.matrix(rows: rows.count, columns: d)
        hidden = workspace.matrix(rows: rows.count, columns: 4 * d)
        ends = workspace.matrix(rows: rows.labels.count, columns: d)
        normedEnds = workspace.matrix(rows: rows.labels.count, columns: d)
        features = workspace.matrix(rows: rows.labels.count, columns: outputWidth)
    }
}

/// Gradients by all of these, for one layer after the other.
final class PromptSlopes {
    private let workspace = Workspace()
    let features: MatrixView
    let ends: MatrixView
    let rows: MatrixView
    let middle: MatrixView
    /// `middle` of the last layer, [K, d].
    let endsMiddle: MatrixView
    let expanded: MatrixView
    let mixed: MatrixView
    let projected: MatrixView
    let scores: [MatrixView]
    let product: [MatrixView]
    /// Each label's part in the gradient by the shared rows' keys and values, [K · s, 2d]; every other layer's in one of two,
    /// for one is read while the next is written.
    private let parts: [MatrixView]

    init(_ configuration: TextTower.Configuration, rows: PromptRows, threads: Int, kernels: Kernels) {
        let (d, labels) = (configuration.width, rows.labels.count)
        features = workspace.matrix(rows: labels, columns: configuration.outputWidth)
        ends = workspace.matrix(rows: labels, columns: d)
        self.rows = workspace.matrix(rows: rows.count, columns: d)
        middle = workspace.matrix(rows: rows.count, columns: d)
        endsMiddle = workspace.matrix(rows: labels, columns: d)
        expanded = workspace.matrix(rows: rows.count, columns: 4 * d)
        mixed = workspace.matrix(rows: rows.count, columns: d)
        projected = workspace.matrix(rows: rows.count, columns: 3 * d)
        let workspace = workspace
        scores = (0..<threads).map { _ in workspace.matrix(rows: rows.span, columns: rows.span) }
        product = (0..<threads).map { _ in kernels.productScratch(in: workspace) }
        parts = (0..<2).map { _ in workspace.matrix(rows: labels * rows.shared.count, columns: 2 * d) }
    }

    /// A label's part in a layer, [s, 2d]; of the shared rows themselves there is none.
    func shared(_ label: Int?, layer: Int, _ rows: PromptRows) -> MatrixView {
        guard let label else { return parts[layer % 2].rows(0..<0) }
        let count = rows.shared.count
        return parts[layer % 2].rows(label * count..<(label + 1) * count)
    }
}
