/// A matrix that is filled once and then only read, on a 64-byte boundary: tables that a model keeps.
public struct ConstantMatrix: Sendable {
    /// Rows of the matrix.
    public let rows: Int
    /// Columns of the matrix.
    public let columns: Int
    private let floats: AlignedFloats

    var base: UnsafePointer<Float> { floats.base }

    /// A copy of `values`, one row after another; there must be rows × columns of them.
    public init(rows: Int, columns: Int, values: [Float]) {
        precondition(rows >= 0 && columns >= 0 && values.count == rows * columns, "a matrix has rows × columns values")
        self.rows = rows
        self.columns = columns
        floats = AlignedFloats(values)
    }

    init(rows: Int, columns: Int, floats: AlignedFloats) {
        precondition(floats.count == rows * columns)
        self.rows = rows
        self.columns = columns
        self.floats = floats
    }

    /// One row, which keeps the matrix alive.
    public struct Row {
        let matrix: ConstantMatrix
        let index: Int

        var base: UnsafePointer<Float> { matrix.floats.base + index * matrix.columns }
    }

    /// The row at `index`.
    public subscript(row index: Int) -> Row {
        precondition(index >= 0 && index < rows, "a row outside the matrix")
        return Row(matrix: self, index: index)
    }
}

extension MatrixView {
    /// Copies the rows of `range` of a constant matrix; there must be as many as this view has.
    public func copy(from constants: ConstantMatrix, rows range: Range<Int>) {
        precondition(range.count == rows && constants.columns == columns && range.upperBound <= constants.rows)
        for row in 0..<rows {
            (base + row * stride).update(from: constants[row: range.lowerBound + row].base, count: columns)
        }
    }

    /// Adds a row of a constant matrix to each row.
    public func add(_ constant: ConstantMatrix.Row) {
        precondition(constant.matrix.columns == columns)
        let from = constant.base
        for row in 0..<rows { for column in 0..<columns { base[row * stride + column] += from[column] } }
    }
}
