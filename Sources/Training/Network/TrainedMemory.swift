import Tensors

/// Weights, their gradients and the optimizer's moments, each in one block with a view a tensor.
final class TrainedMemory {
    let layout: ParameterLayout
    let kernels: Kernels
    private let workspace = Workspace()
    /// All weights, [1, count].
    let weights: MatrixView
    /// All gradients, [1, count].
    let gradients: MatrixView
    /// Means of the gradients, [1, count].
    let first: MatrixView
    /// Means of their squares, [1, count].
    let second: MatrixView

    init(layout: ParameterLayout, kernels: Kernels) {
        self.layout = layout
        self.kernels = kernels
        weights = workspace.matrix(rows: 1, columns: layout.count)
        gradients = workspace.matrix(rows: 1, columns: layout.count)
        first = workspace.matrix(rows: 1, columns: layout.count)
        second = workspace.matrix(rows: 1, columns: layout.count)
    }

    /// A tensor and its gradient, as matrices: a vector is one row.
    func tensor(_ name: String) -> (weight: MatrixView, gradient: MatrixView) {
        let tensor = layout.tensors[layout.index(of: name)]
        let (rows, columns) = tensor.rowsAndColumns
        return (
            weights.columns(tensor.range).reshaped(rows: rows, columns: columns),
            gradients.columns(tensor.range).reshaped(rows: rows, columns: columns)
        )
    }

    /// Another matrix beside the published ones, zero.
    func matrix(rows: Int, columns: Int) -> MatrixView { workspace.matrix(rows: rows, columns: columns) }
}
