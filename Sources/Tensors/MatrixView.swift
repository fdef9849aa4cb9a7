/// A rectangular window on floats that a `Workspace` owns: what the operations read and write.
///
/// Sound as long as the workspace lives, which is the duty of whoever stores a view (see `Workspace`). Narrowing is
/// checked, so a view never reaches outside the matrix it was made from.
public struct MatrixView {
    let base: UnsafeMutablePointer<Float>
    /// Rows of the window.
    public let rows: Int
    /// Columns of the window.
    public let columns: Int
    /// Floats from one row to the next.
    public let stride: Int

    init(base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int) {
        self.base = base
        self.rows = rows
        self.columns = columns
        self.stride = stride
    }

    /// The rows of `range`.
    public func rows(_ range: Range<Int>) -> MatrixView {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows outside the view")
        return MatrixView(
            base: base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
    }

    /// Every row whose number is a multiple of `step`.
    public func everyRow(of step: Int) -> MatrixView {
        precondition(step > 0)
        return MatrixView(base: base, rows: (rows + step - 1) / step, columns: columns, stride: stride * step)
    }

    /// The columns of `range`.
    public func columns(_ range: Range<Int>) -> MatrixView {
        precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns outside the view")
        return MatrixView(base: base + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }

    /// This column vector [rows, 1] seen as a row [1, rows]; the column must be contiguous.
    public var asRow: MatrixView {
        precondition(columns == 1 && stride == 1, "only a contiguous column is a row too")
        return MatrixView(base: base, rows: 1, columns: rows, stride: rows)
    }

    /// The same floats in rows of another length; they must lie without gaps.
    public func reshaped(rows: Int, columns: Int) -> MatrixView {
        precondition(self.rows == 1 || stride == self.columns, "rows with gaps can't be cut anew")
        precondition(rows * columns == self.rows * self.columns, "as many floats as before")
        return MatrixView(base: base, rows: rows, columns: columns, stride: columns)
    }

    /// The value at a row and a column.
    public subscript(row: Int, column: Int) -> Float {
        get {
            precondition(row >= 0 && row < rows && column >= 0 && column < columns)
            return base[row * stride + column]
        }
        nonmutating set {
            precondition(row >= 0 && row < rows && column >= 0 && column < columns)
            base[row * stride + column] = newValue
        }
    }

    /// Sets every value.
    public func fill(_ value: Float) {
        for row in 0..<rows { (base + row * stride).update(repeating: value, count: columns) }
    }

    /// Copies `values`, one row after another; there must be rows × columns of them.
    public func copy(from values: ArraySlice<Float>) {
        precondition(values.count == rows * columns, "as many values as the view has places")
        values.withUnsafeBufferPointer { from in
            guard let start = from.baseAddress else { return }
            for row in 0..<rows { (base + row * stride).update(from: start + row * columns, count: columns) }
        }
    }

    /// Copies bytes as numbers into a row, from `column` on.
    public func copy(_ bytes: ArraySlice<UInt8>, row: Int, column: Int) {
        precondition(row >= 0 && row < rows && column >= 0 && bytes.count <= columns - column)
        let to = base + row * stride + column
        bytes.withUnsafeBufferPointer { from in for index in from.indices { to[index] = Float(from[index]) } }
    }

    /// Copies another view of the same size.
    public func copy(from other: MatrixView) {
        precondition(other.rows == rows && other.columns == columns)
        for row in 0..<rows { (base + row * stride).update(from: other.base + row * other.stride, count: columns) }
    }

    /// The values, one row after another.
    public func values() -> [Float] {
        [Float](unsafeUninitializedCapacity: rows * columns) { buffer, count in
            if let to = buffer.baseAddress {
                for row in 0..<rows { (to + row * columns).initialize(from: base + row * stride, count: columns) }
            }
            count = rows * columns
        }
    }

    /// A copy as a matrix of its own.
    public var matrix: Matrix { Matrix(rows: rows, columns: columns, values: values()) }

    /// Writes the values into `target` from `offset` on, one row after another, without reserving memory.
    public func write(to target: inout [Float], at offset: Int) {
        precondition(offset >= 0 && offset + rows * columns <= target.count)
        target.withUnsafeMutableBufferPointer { to in
            guard let start = to.baseAddress else { return }
            for row in 0..<rows {
                (start + offset + row * columns).update(from: base + row * stride, count: columns)
            }
        }
    }
}

/// Small elementwise changes, in place.
extension MatrixView {
    /// Adds `value` to each value.
    public func add(_ value: Float) {
        for row in 0..<rows { for column in 0..<columns { base[row * stride + column] += value } }
    }

    /// Adds `values`, one row after another; there must be rows × columns of them.
    public func add(_ values: ArraySlice<Float>) {
        precondition(values.count == rows * columns, "as many values as the view has places")
        values.withUnsafeBufferPointer { from in
            for row in 0..<rows {
                for column in 0..<columns { base[row * stride + column] += from[row * columns + column] }
            }
        }
    }

    /// Adds another view of the same size.
    public func add(_ other: MatrixView) {
        precondition(other.rows == rows && other.columns == columns)
        for row in 0..<rows {
            for column in 0..<columns { base[row * stride + column] += other.base[row * other.stride + column] }
        }
    }

    /// Adds those values of another view of the same size that are not below 0.
    public func addPositive(of other: MatrixView) {
        precondition(other.rows == rows && other.columns == columns)
        for row in 0..<rows {
            for column in 0..<columns { base[row * stride + column] += max(0, other.base[row * other.stride + column]) }
        }
    }

    /// Multiplies each value by `factor`.
    public func scale(by factor: Float) {
        for row in 0..<rows { for column in 0..<columns { base[row * stride + column] *= factor } }
    }
}

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

    /// One row or columns of it, which keep the matrix alive.
    public struct Row {
        private let matrix: ConstantMatrix
        private let first: Int
        let count: Int

        fileprivate init(_ matrix: ConstantMatrix, at first: Int, count: Int) {
            (self.matrix, self.first, self.count) = (matrix, first, count)
        }

        var base: UnsafePointer<Float> { matrix.floats.base + first }

        func columns(_ range: Range<Int>) -> Row {
            precondition(range.lowerBound >= 0 && range.upperBound <= count, "columns outside the row")
            return Row(matrix, at: first + range.lowerBound, count: range.count)
        }
    }

    /// The row at `index`.
    public subscript(row index: Int) -> Row {
        precondition(index >= 0 && index < rows, "a row outside the matrix")
        return Row(self, at: index * columns, count: columns)
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
        precondition(constant.count == columns)
        let from = constant.base
        for row in 0..<rows { for column in 0..<columns { base[row * stride + column] += from[column] } }
    }
}
