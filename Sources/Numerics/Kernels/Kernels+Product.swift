import CKernels

/// What follows a product's additions.
public enum Activation: Sendable {
    /// Nothing.
    case identity
    /// g(u) = u · sigmoid(1.702 u), CLIP's activation.
    case quickGELU
}

/// Products. In all of them m is the rows of the left-hand side.
extension Kernels {
    /// C = g(A B + bias + residual), B constant.
    ///
    /// - Parameters:
    ///   - a: [m, inputs]
    ///   - linear: B [inputs, outputs] and the bias [outputs]
    ///   - c: [m, outputs]; not `a`
    ///   - residual: [m, outputs]; may be `c`
    public func product(
        _ a: MatrixView, _ linear: Linear, into c: MatrixView, residual: MatrixView? = nil,
        activation: Activation = .identity
    ) {
        let weights = linear.weights
        precondition(weights.kernels.table == table, "weights are packed for the kernels that use them")
        precondition(a.columns == weights.inputs && c.columns == weights.outputs && a.rows == c.rows)
        withEpilogue(bias: linear.bias, residual: residual, activation, like: c) { epilogue in
            table.pointee.product(
                a.rows, weights.outputs, weights.inputs, a.base, a.stride, weights.floats.base, c.base, c.stride,
                epilogue)
        }
    }

    /// C = g(A B + residual), B an activation [k, n].
    public func product(
        _ a: MatrixView, _ b: MatrixView, into c: MatrixView, residual: MatrixView? = nil,
        activation: Activation = .identity
    ) {
        precondition(a.columns == b.rows && c.columns == b.columns && a.rows == c.rows)
        withEpilogue(bias: nil, residual: residual, activation, like: c) { epilogue in
            table.pointee.product_plain(
                a.rows, b.columns, b.rows, a.base, a.stride, b.base, b.stride, c.base, c.stride, epilogue)
        }
    }

    /// C [m, n] = scale · A [m, k] Bᵀ, B [n, k]: the dot product of each row of A with each row of B.
    public func dots(_ a: MatrixView, _ b: MatrixView, scale: Float = 1, into c: MatrixView) {
        precondition(a.columns == b.columns && c.rows == a.rows && c.columns == b.rows)
        table.pointee.dots(a.rows, b.rows, a.columns, a.base, a.stride, b.base, b.stride, scale, c.base, c.stride)
    }

    /// The same with a constant B.
    public func dots(_ a: MatrixView, _ b: ConstantMatrix, into c: MatrixView) {
        precondition(a.columns == b.columns && c.rows == a.rows && c.columns == b.rows)
        table.pointee.dots(a.rows, b.rows, a.columns, a.base, a.stride, b.base, b.columns, 1, c.base, c.stride)
        withExtendedLifetime(b) {}
    }

    /// Y_i = g(Σ_j ratio^|i-j| X_j + residual_i): the distance graph, without its matrix.
    ///
    /// - Parameter ahead: a row [1, columns] with what rows past those given contribute to the last of them
    public func decay(
        _ x: MatrixView, ratio: Float, ahead: ConstantMatrix.Row? = nil, into y: MatrixView,
        residual: MatrixView? = nil, activation: Activation = .identity
    ) {
        precondition(x.rows == y.rows && x.columns == y.columns && x.base != y.base)
        precondition(ahead.map { $0.matrix.columns == x.columns } ?? true)
        withEpilogue(bias: nil, residual: residual, activation, like: y) { epilogue in
            table.pointee.decay(
                x.rows, x.columns, x.base, x.stride, ratio, ahead?.base, y.base, y.stride, epilogue)
        }
    }

    private func withEpilogue(
        bias: AlignedFloats?, residual: MatrixView?, _ activation: Activation, like c: MatrixView,
        _ body: (UnsafePointer<vg_epilogue>) -> Void
    ) {
        if let residual { precondition(residual.rows == c.rows && residual.columns == c.columns) }
        var epilogue = vg_epilogue(
            bias: bias?.base, residual: residual.map { UnsafePointer($0.base) },
            residual_stride: residual?.stride ?? 0, quick_gelu: activation == .quickGELU ? 1 : 0)
        body(&epilogue)
        withExtendedLifetime(bias) {}
    }
}
