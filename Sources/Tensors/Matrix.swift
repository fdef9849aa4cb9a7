/// A dense matrix of 32-bit floats, row-major, owned.
///
/// The form in which features come in and logits go out; the operations themselves work on `MatrixView`s.
public struct Matrix: Sendable, Equatable {
    /// Rows, for instance snippets.
    public let rows: Int
    /// Columns, for instance the width of a feature.
    public let columns: Int
    /// rows × columns values, one row after another.
    public var values: [Float]

    /// Takes `values` as a matrix; their count must be rows × columns.
    public init(rows: Int, columns: Int, values: [Float]) {
        precondition(rows >= 0 && columns >= 0 && values.count == rows * columns, "a matrix has rows × columns values")
        self.rows = rows
        self.columns = columns
        self.values = values
    }

    /// A matrix of zeros.
    public init(rows: Int, columns: Int) {
        self.init(rows: rows, columns: columns, values: [Float](repeating: 0, count: rows * columns))
    }

    /// One row as a slice of `values`.
    public subscript(row row: Int) -> ArraySlice<Float> {
        values[row * columns..<(row + 1) * columns]
    }

    /// The value at a row and a column.
    public subscript(row: Int, column: Int) -> Float {
        values[row * columns + column]
    }
}

/// Products of constants, when weights are prepared.
extension Matrix {
    /// A B, with memory of its own.
    public func times(_ other: Matrix, kernels: Kernels) -> Matrix {
        precondition(columns == other.rows, "as many columns as the other has rows")
        let kernels = kernels.computing(.float32)
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

/// What is asked of features before they are scored: one vectorised pass each.
extension Matrix {
    /// Euclidean length of each row, [rows].
    public var rowLengths: [Float] {
        values.withUnsafeBytes { bytes in
            (0..<rows).map { row in
                let start = row * columns
                var sums = SIMD16<Float>.zero
                var column = 0
                while column + 16 <= columns {
                    // In bounds: start + column + 16 <= rows × columns, the count of `values`.
                    let v = bytes.loadUnaligned(fromByteOffset: 4 * (start + column), as: SIMD16<Float>.self)
                    sums += v * v
                    column += 16
                }
                var sum = sums.sum()
                while column < columns {
                    sum += values[start + column] * values[start + column]
                    column += 1
                }
                guard sum.isFinite else { return length(of: row) }
                return sum.squareRoot()
            }
        }
    }

    /// The same in double precision, for squares beyond the range of float32.
    private func length(of row: Int) -> Float {
        Float(self[row: row].reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot())
    }

    /// Index in `values` of the first that is NaN or infinite.
    public var firstNotFinite: Int? { firstNotFinite(lengths: rowLengths) }

    /// The same, from the rows' lengths: a row that has a finite one has finite values, and only the others are looked at.
    public func firstNotFinite(lengths: [Float]) -> Int? {
        for row in 0..<rows where !lengths[row].isFinite {
            if let index = self[row: row].firstIndex(where: { !$0.isFinite }) { return index }
        }
        return nil
    }

    /// Whether a row has the same values as the one before it.
    public func repeatsPrevious(row: Int) -> Bool {
        guard row > 0 else { return false }
        return values.withUnsafeBufferPointer { buffer in
            for index in row * columns..<(row + 1) * columns where buffer[index] != buffer[index - columns] {
                return false
            }
            return true
        }
    }
}
