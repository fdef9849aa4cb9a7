import CKernels

/// Weights' gradients. In all of them m is the rows of both sides: what came in, and what is to change going out.
extension Kernels {
    /// Scratch memory of `transposedProduct`, for one thread.
    public func productScratch(in workspace: Workspace) -> MatrixView {
        workspace.matrix(rows: 1, columns: table.pointee.outer_scratch)
    }

    /// C [k, n] = Aᵀ B, plus C where `adding`; A [m, k], B [m, n].
    ///
    /// A number of C is the same bits whatever rows and columns of C are computed with it, so threads can share C out among
    /// them by columns of A and of B.
    ///
    /// - Parameters:
    ///   - a: the left factor
    ///   - b: the right factor
    ///   - c: receives the product
    ///   - adding: whether what is there is added to
    ///   - scratch: of `productScratch(in:)`, of this thread alone
    public func transposedProduct(
        _ a: MatrixView, _ b: MatrixView, into c: MatrixView, adding: Bool = false, scratch: MatrixView
    ) {
        precondition(a.rows == b.rows && c.rows == a.columns && c.columns == b.columns)
        precondition(scratch.columns >= table.pointee.outer_scratch && scratch.rows == 1)
        if a.rows == 0 {
            if !adding { c.fill(0) }
            return
        }
        table.pointee.outer(
            a.rows, a.columns, b.columns, a.base, a.stride, b.base, b.stride, adding ? 1 : 0, c.base, c.stride,
            scratch.base)
    }

    /// sums [1, n] += the sum of each column of X [m, n], row after row: a bias's gradient.
    public func addColumnSums(_ x: MatrixView, to sums: MatrixView) {
        precondition(sums.rows == 1 && sums.columns == x.columns)
        table.pointee.column_sums(x.rows, x.columns, x.base, x.stride, sums.base)
    }
}

/// The backward of operations on each row by itself. dX is the loss's gradient with regard to X.
extension Kernels {
    /// y = LayerNorm(x), gain and shift [1, width] being weights that change.
    public func layerNorm(_ x: MatrixView, gain: MatrixView, shift: MatrixView, into y: MatrixView) {
        precondition(x.rows == y.rows && x.columns == y.columns)
        precondition(gain.isRow(of: x.columns) && shift.isRow(of: x.columns))
        table.pointee.layer_norm(x.rows, x.columns, x.base, x.stride, gain.base, shift.base, y.base, y.stride)
    }

    /// Of y = LayerNorm(x): dx = residual + what comes from dy.
    ///
    /// With x̂ = (x - mean) / deviation and z = gain · dy it is (z - mean(z) - x̂ mean(z x̂)) / deviation.
    ///
    /// - Parameters:
    ///   - x: the inputs of the layer norm
    ///   - gain: of the layer norm, [1, width]
    ///   - dy: gradients of the outputs
    ///   - dx: may be `dy` or `residual`
    ///   - residual: is added
    ///   - sums: gradients of gain and shift [1, width], which are added to, row after row
    public func layerNormBackward(
        _ x: MatrixView, gain: MatrixView, dy: MatrixView, into dx: MatrixView, residual: MatrixView? = nil,
        sums: (gain: MatrixView, shift: MatrixView)? = nil
    ) {
        precondition(x.sameSize(dy) && x.sameSize(dx) && (residual.map { x.sameSize($0) } ?? true))
        precondition(gain.isRow(of: x.columns))
        if let sums { precondition(sums.gain.isRow(of: x.columns) && sums.shift.isRow(of: x.columns)) }
        table.pointee.layer_norm_backward(
            x.rows, x.columns, x.base, x.stride, gain.base, dy.base, dy.stride, residual.map { UnsafePointer($0.base) },
            residual?.stride ?? 0, dx.base, dx.stride, sums?.gain.base, sums?.shift.base)
    }

    /// The same of a LayerNorm that does not change.
    public func layerNormBackward(
        _ x: MatrixView, _ norm: LayerNorm, dy: MatrixView, into dx: MatrixView, residual: MatrixView? = nil
    ) {
        precondition(x.sameSize(dy) && x.sameSize(dx) && (residual.map { x.sameSize($0) } ?? true))
        precondition(norm.gain.count == x.columns)
        table.pointee.layer_norm_backward(
            x.rows, x.columns, x.base, x.stride, norm.gain.base, dy.base, dy.stride,
            residual.map { UnsafePointer($0.base) }, residual?.stride ?? 0, dx.base, dx.stride, nil, nil)
    }

    /// Of y = g(u), QuickGELU: du = dy · g'(u), g'(u) = s (1 + 1.702 u (1 - s)) with s = sigmoid(1.702 u).
    ///
    /// - Parameters:
    ///   - u: the inputs
    ///   - dy: [rows, width], or one row for all
    ///   - factors: [rows, 1], which dy's rows are multiplied with
    ///   - du: may be `dy` or `u`
    ///   - y: receives g(u) once more, where weights' gradients need it; may be `u`
    public func quickGELUBackward(
        _ u: MatrixView, dy: MatrixView, factors: MatrixView? = nil, into du: MatrixView, values y: MatrixView? = nil
    ) {
        precondition(u.sameSize(du) && (y.map { u.sameSize($0) } ?? true))
        precondition(dy.columns == u.columns && (dy.rows == u.rows || dy.rows == 1))
        if let factors { precondition(factors.rows == u.rows && factors.asRow.rows == 1) }
        table.pointee.quick_gelu_backward(
            u.rows, u.columns, u.base, u.stride, dy.base, dy.rows == u.rows ? dy.stride : 0,
            factors.map { UnsafePointer($0.base) }, du.base, du.stride, y?.base, y?.stride ?? 0)
    }

    /// Of y = softmax(scale · x) along each row: dx = scale · y (dy - Σ y dy), in place of dy.
    public func softmaxBackward(_ y: MatrixView, scale: Float = 1, gradient d: MatrixView) {
        precondition(y.sameSize(d))
        table.pointee.softmax_backward(y.rows, y.columns, y.base, y.stride, scale, d.base, d.stride)
    }

    /// `similarity` that keeps the cosines for its backward: dot products [rows, n] become the cosines above `threshold`, 0
    /// elsewhere, and `graph` is their softmax along the row.
    public func similarity(
        keeping cosines: MatrixView, own: MatrixView, lengths: MatrixView, threshold: Float, into graph: MatrixView
    ) {
        precondition(own.rows == cosines.rows && own.asRow.rows == 1 && graph.sameSize(cosines))
        precondition(lengths.rows == cosines.columns && lengths.asRow.rows == 1)
        table.pointee.similarity_kept(
            cosines.rows, cosines.columns, cosines.base, cosines.stride, own.base, lengths.base, threshold, graph.base,
            graph.stride)
    }

    /// Of the similarity graph S [n, n] of rows X: its gradient dS becomes H, symmetric, with dX = H X.
    ///
    /// - Parameters:
    ///   - graph: the similarities, [rows, rows]
    ///   - cosines: of `similarity(keeping:)`
    ///   - lengths: of X's rows, [n, 1]
    ///   - d: gradients of the graph
    ///   - pulls: scratch, [n, 1]
    public func similarityBackward(
        _ graph: MatrixView, cosines: MatrixView, lengths: MatrixView, gradient d: MatrixView, pulls: MatrixView
    ) {
        precondition(graph.rows == graph.columns && graph.sameSize(cosines) && graph.sameSize(d))
        precondition(lengths.rows == graph.rows && lengths.asRow.rows == 1)
        precondition(pulls.rows == graph.rows && pulls.asRow.rows == 1)
        table.pointee.similarity_backward(
            graph.rows, graph.base, graph.stride, cosines.base, cosines.stride, lengths.base, d.base, d.stride,
            pulls.base)
    }

    /// Y += factor · X.
    public func add(_ x: MatrixView, times factor: Float = 1, to y: MatrixView) {
        precondition(x.sameSize(y))
        table.pointee.add_scaled(x.rows, x.columns, factor, x.base, x.stride, y.base, y.stride)
    }

    /// The sum of all squares: of parts of 1,024 values in single precision, of those in double.
    public func sumOfSquares(_ x: MatrixView) -> Double {
        if x.stride == x.columns { return table.pointee.sum_of_squares(x.rows * x.columns, x.base) }
        return (0..<x.rows).reduce(0) { $0 + table.pointee.sum_of_squares(x.columns, x.base + $1 * x.stride) }
    }
}

/// A step of AdamW, as PyTorch makes it.
public struct AdamW: Sendable, Equatable {
    /// Decay rate of the mean of the gradients, 0.9.
    public var firstDecay: Float = 0.9
    /// Decay rate of the mean of their squares, 0.999.
    public var secondDecay: Float = 0.999
    /// Added to the root, 1e-8.
    public var epsilon: Float = 1e-8
    /// Share of a weight that is taken off it, times the rate, 0.01.
    public var weightDecay: Float = 0.01

    /// PyTorch's numbers.
    public init() {}

    /// - Parameters:
    ///   - step: from 1 on
    ///   - rate: the learning rate
    func settings(step: Int, rate: Float) -> vg_adamw {
        let (b1, b2, rate) = (shortened(firstDecay), shortened(secondDecay), shortened(rate))
        let (first, second) = (1 - power(b1, step), 1 - power(b2, step))
        return vg_adamw(
            mean_share: Float(1 - b1), square_share: Float(1 - b2), square_kept: Float(b2),
            square_correction: Float(1 / second.squareRoot()), epsilon: epsilon, step: Float(rate / first),
            kept: Float(1 - rate * shortened(weightDecay)))
    }

    /// The number that was meant: 0.9, of which a `Float` is off in the eighth digit.
    private func shortened(_ value: Float) -> Double { Double(value.description) ?? Double(value) }

    private func power(_ base: Double, _ exponent: Int) -> Double {
        var (result, square, rest) = (1.0, base, exponent)
        while rest > 0 {
            if rest & 1 == 1 { result *= square }
            square *= square
            rest >>= 1
        }
        return result
    }
}

extension Kernels {
    /// Weights and both moments after one step; all four of one size, and any part of all of them can be another thread's.
    public func update(
        _ weights: MatrixView, gradient: MatrixView, first: MatrixView, second: MatrixView, by method: AdamW, step: Int,
        rate: Float
    ) {
        for view in [gradient, first, second] { precondition(view.sameSize(weights)) }
        var settings = method.settings(step: step, rate: rate)
        for row in 0..<weights.rows {
            table.pointee.adamw(
                weights.columns, &settings, gradient.base + row * gradient.stride, first.base + row * first.stride,
                second.base + row * second.stride, weights.base + row * weights.stride)
        }
    }
}

extension MatrixView {
    func sameSize(_ other: MatrixView) -> Bool { rows == other.rows && columns == other.columns }

    func isRow(of width: Int) -> Bool { rows == 1 && columns == width }
}
