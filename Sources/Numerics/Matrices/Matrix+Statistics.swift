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
