/// Products of constants, when weights are prepared.
extension Matrix {
    /// A B, with memory of its own.
    public func times(_ other: Matrix, kernels: Kernels) -> Matrix {
        precondition(columns == other.rows, "as many columns as the other has rows")
        let workspace = Workspace()
        let a = workspace.matrix(rows: rows, columns: columns)
        a.copy(from: values[...])
        let c = workspace.matrix(rows: rows, columns: other.columns)
        let weights = PackedWeights(
            inputs: other.rows, outputs: other.columns, inputMajor: other.values, kernels: kernels)
        kernels.product(a, Linear(weights: weights), into: c)
        return c.matrix
    }

    /// A v in double precision, [rows].
    public func times(_ vector: [Float]) -> [Float] {
        precondition(columns == vector.count, "as many values as columns")
        return (0..<rows).map { row in
            Float(zip(self[row: row], vector).reduce(0.0) { $0 + Double($1.0) * Double($1.1) })
        }
    }

    /// The matrix with rows and columns exchanged.
    public var transposed: Matrix {
        Matrix(
            rows: columns, columns: rows,
            values: [Float](unsafeUninitializedCapacity: values.count) { buffer, count in
                for row in 0..<rows { for column in 0..<columns { buffer[column * rows + row] = self[row, column] } }
                count = values.count
            })
    }
}
