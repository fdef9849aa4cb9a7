import CKernels

/// Operations on each row by itself.
extension Kernels {
    /// y = LayerNorm(x), both [rows, width]; y may be x.
    public func layerNorm(_ x: MatrixView, _ norm: LayerNorm, into y: MatrixView) {
        precondition(x.rows == y.rows && x.columns == y.columns && x.columns == norm.gain.count)
        table.pointee.layer_norm(
            x.rows, x.columns, x.base, x.stride, norm.gain.base, norm.shift.base, y.base, y.stride)
    }

    /// y = g(x), QuickGELU of each value; y may be x.
    public func quickGELU(_ x: MatrixView, into y: MatrixView) {
        precondition(x.rows == y.rows && x.columns == y.columns)
        table.pointee.quick_gelu(x.rows, x.columns, x.base, x.stride, y.base, y.stride)
    }

    /// Softmax along each row, in place.
    public func softmax(_ x: MatrixView) {
        table.pointee.softmax(x.rows, x.columns, x.base, x.stride)
    }

    /// The similarity graph, in place: dot products [rows, n] become cosines, those not above `threshold` become 0 and
    /// stay, then softmax along the row.
    ///
    /// - Parameters:
    ///   - own: lengths of the rows given, [rows, 1]
    ///   - lengths: lengths of all n rows, [n, 1]
    public func similarity(_ x: MatrixView, own: MatrixView, lengths: MatrixView, threshold: Float) {
        precondition(own.rows == x.rows && own.asRow.rows == 1 && lengths.rows == x.columns && lengths.asRow.rows == 1)
        table.pointee.similarity(x.rows, x.columns, x.base, x.stride, own.base, lengths.base, threshold)
    }

    /// Euclidean length of each row, into `lengths` [rows, 1].
    public func lengths(_ x: MatrixView, into lengths: MatrixView) {
        precondition(lengths.rows == x.rows && lengths.columns == 1)
        for row in 0..<x.rows {
            let one = x.rows(row..<row + 1)
            let square = lengths.rows(row..<row + 1)
            dots(one, one, into: square)
            square[0, 0] = square[0, 0].squareRoot()
        }
    }

    /// e to the power of each value, in place.
    public func exponential(_ values: inout [Float]) {
        values.withUnsafeMutableBufferPointer {
            if let base = $0.baseAddress { table.pointee.exponential($0.count, base, base) }
        }
    }
}
