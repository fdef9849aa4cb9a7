import CKernels

/// The right-hand side of a product whose values change from step to step: packed again into memory that stays.
///
/// `@unchecked Sendable`: `pack` alone writes, its callers share the panels out among them, and whoever trains runs no
/// product before all of them have returned.
public final class ChangingWeights: @unchecked Sendable {
    /// Rows of B: the width of what comes in.
    public let inputs: Int
    /// Columns of B: the width of what goes out.
    public let outputs: Int
    /// Parts that can be packed by themselves.
    public let panels: Int
    fileprivate let kernels: Kernels
    fileprivate let base: UnsafeMutablePointer<Float>

    /// Reserves memory for B [inputs, outputs], zeros.
    public init(inputs: Int, outputs: Int, kernels: Kernels) {
        let panel = kernels.table.pointee.panel
        self.inputs = inputs
        self.outputs = outputs
        self.kernels = kernels
        panels = (outputs + panel - 1) / panel
        base = AlignedFloats.reserve(vg_packed_count(inputs, outputs, panel))
    }

    deinit { base.deallocate() }

    /// Takes the values of `range` of the panels from B [inputs, outputs].
    public func pack(inputMajor values: MatrixView, panels range: Range<Int>) {
        precondition(values.rows == inputs && values.columns == outputs)
        pack(values.base, strides: (values.stride, 1), panels: range)
    }

    /// The same from Bᵀ [outputs, inputs], as PyTorch's Linear stores its weights.
    public func pack(outputMajor values: MatrixView, panels range: Range<Int>) {
        precondition(values.rows == outputs && values.columns == inputs)
        pack(values.base, strides: (1, values.stride), panels: range)
    }

    /// All panels of B [inputs, outputs].
    public func pack(inputMajor values: MatrixView) { pack(inputMajor: values, panels: 0..<panels) }

    /// All panels from Bᵀ [outputs, inputs].
    public func pack(outputMajor values: MatrixView) { pack(outputMajor: values, panels: 0..<panels) }

    private func pack(_ values: UnsafePointer<Float>, strides: (Int, Int), panels range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= panels, "panels outside the weights")
        vg_pack_panels(
            inputs, outputs, values, strides.0, strides.1, kernels.table.pointee.panel, range.lowerBound,
            range.upperBound, base)
    }
}

extension Kernels {
    /// C = g(A B + bias + residual), B and the bias being weights that change.
    ///
    /// - Parameters:
    ///   - a: [m, inputs]
    ///   - weights: B [inputs, outputs]
    ///   - bias: [1, outputs]
    ///   - c: [m, outputs]; not `a`
    ///   - residual: [m, outputs]; may be `c`
    ///   - activation: what is applied to the sum
    public func product(
        _ a: MatrixView, _ weights: ChangingWeights, bias: MatrixView? = nil, into c: MatrixView,
        residual: MatrixView? = nil, activation: Activation = .identity
    ) {
        precondition(weights.kernels.table == table, "weights are packed for the kernels that use them")
        precondition(a.columns == weights.inputs && c.columns == weights.outputs && a.rows == c.rows)
        precondition((bias.map { $0.isRow(of: c.columns) } ?? true) && (residual.map { c.sameSize($0) } ?? true))
        var epilogue = vg_epilogue(
            bias: bias.map { UnsafePointer($0.base) }, residual: residual.map { UnsafePointer($0.base) },
            residual_stride: residual?.stride ?? 0, quick_gelu: activation == .quickGELU ? 1 : 0)
        table.pointee.product(
            a.rows, weights.outputs, weights.inputs, a.base, a.stride, weights.base, c.base, c.stride, &epilogue)
        withExtendedLifetime(weights) {}
    }
}
