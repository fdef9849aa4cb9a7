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
