import CKernels

/// The micro-kernels of one instruction set.
///
/// `@unchecked Sendable`: it points to a constant table of the C target, which is never written and never freed.
public struct Kernels: @unchecked Sendable {
    let table: UnsafePointer<vg_kernels>
    let isa: vg_isa
    /// The arithmetic of products with constant weights that are prepared for these kernels.
    public let compute: Compute

    /// `portable`, `avx2`, `avx512` or `neon`.
    public var name: String { String(cString: table.pointee.name) }

    private init?(_ isa: vg_isa) {
        guard let table = vg_kernels_for(isa) else { return nil }
        self.init(table: table, isa: isa, compute: .float32)
    }

    init(table: UnsafePointer<vg_kernels>, isa: vg_isa, compute: Compute) {
        self.table = table
        self.isa = isa
        self.compute = compute
    }

    private static let names: [(String, vg_isa)] = [
        ("avx512", VG_AVX512), ("avx2", VG_AVX2), ("neon", VG_NEON), ("portable", VG_PORTABLE),
    ]

    /// Those that this processor can run, the fastest first.
    public static let available: [Kernels] = names.compactMap { Kernels($0.1) }

    /// Any processor's kernels: the reference of the others.
    public static let portable: Kernels = available[available.count - 1]

    /// The kernels called `name`, or the error that says which there are.
    public static func named(_ name: String) throws(KernelsError) -> Kernels {
        guard let found = available.first(where: { $0.name == name }) else {
            throw KernelsError(asked: name, available: available.map(\.name))
        }
        return found
    }

    /// The fastest this processor has, or those that `choice` (the variable `VIGIL_KERNELS`) names.
    public static func choose(_ choice: String?) throws(KernelsError) -> Kernels {
        guard let choice, !choice.isEmpty, choice != "auto" else { return available[0] }
        return try named(choice)
    }
}

/// Kernels that this processor or this build does not have.
public struct KernelsError: Error, Equatable, CustomStringConvertible {
    /// The name that was asked for.
    public let asked: String
    /// The names that can be had here.
    public let available: [String]

    /// One sentence for a person.
    public var description: String {
        "no kernels '\(asked)' on this processor: expected auto or one of \(available.joined(separator: ", "))"
    }
}

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
    ///   - hands: who computes; weights of fewer bits take some that were made for these kernels, m rows and as many inputs
    public func product(
        _ a: MatrixView, _ linear: Linear, into c: MatrixView, residual: MatrixView? = nil,
        activation: Activation = .identity, by hands: Hands? = nil
    ) {
        let weights = linear.weights
        precondition(weights.kernels.table == table, "weights are packed for the kernels that use them")
        precondition(a.columns == weights.inputs && c.columns == weights.outputs && a.rows == c.rows)
        withEpilogue(bias: linear.bias, residual: residual, activation, like: c) { epilogue in
            if let narrow = weights.narrow?.table {
                let needed = narrow.pointee.scratch_bytes(a.rows, weights.inputs)
                precondition(needed == 0 || hands.map { $0.bytes >= needed } ?? false, "room for the rows")
                // Rows, so that each is put into fewer bits once; of a few rows columns.
                guard a.rows < Self.fewRows else {
                    return hands.halves(of: a.rows, unit: Self.tile) { rows, hand in
                        var part = epilogue.pointee.rows(from: rows.lowerBound)
                        narrow.pointee.product(
                            rows.count, weights.outputs, weights.inputs, a.base + rows.lowerBound * a.stride,
                            a.stride,
                            weights.floats.base, c.base + rows.lowerBound * c.stride, c.stride, &part,
                            hands?.memory(of: hand))
                    }
                }
                return hands.halves(of: weights.outputs, unit: narrow.pointee.panel) { columns, hand in
                    var part = epilogue.pointee.columns(from: columns.lowerBound)
                    narrow.pointee.product(
                        a.rows, columns.count, weights.inputs, a.base, a.stride,
                        UnsafeRawPointer(weights.floats.base)
                            + narrow.pointee.packed_bytes(weights.inputs, columns.lowerBound),
                        c.base + columns.lowerBound, c.stride, &part, hands?.memory(of: hand))
                }
            }
            hands.halves(of: weights.outputs, unit: table.pointee.panel) { columns, _ in
                var part = epilogue.pointee.columns(from: columns.lowerBound)
                table.pointee.product(
                    a.rows, columns.count, weights.inputs, a.base, a.stride,
                    weights.floats.base + columns.lowerBound * weights.inputs, c.base + columns.lowerBound,
                    c.stride,
                    &part)
            }
        }
    }

    /// Rows of the largest tile: halves of rows are whole tiles of every table.
    private static let tile = 24
    /// Rows that are too few to be halved.
    private static let fewRows = 48

    /// C = g(A B + residual), B an activation [k, n].
    public func product(
        _ a: MatrixView, _ b: MatrixView, into c: MatrixView, residual: MatrixView? = nil,
        activation: Activation = .identity, by hands: Hands? = nil
    ) {
        precondition(a.columns == b.rows && c.columns == b.columns && a.rows == c.rows)
        withEpilogue(bias: nil, residual: residual, activation, like: c) { epilogue in
            hands.halves(of: a.rows, unit: Self.tile) { rows, _ in
                var part = epilogue.pointee.rows(from: rows.lowerBound)
                table.pointee.product_plain(
                    rows.count, b.columns, b.rows, a.base + rows.lowerBound * a.stride, a.stride, b.base,
                    b.stride,
                    c.base + rows.lowerBound * c.stride, c.stride, &part)
            }
        }
    }

    /// C [m, n] = scale · A [m, k] Bᵀ, B [n, k]: the dot product of each row of A with each row of B.
    public func dots(
        _ a: MatrixView, _ b: MatrixView, scale: Float = 1, into c: MatrixView, by hands: Hands? = nil
    ) {
        precondition(a.columns == b.columns && c.rows == a.rows && c.columns == b.rows)
        hands.halves(of: a.rows, unit: Self.tile) { rows, _ in
            table.pointee.dots(
                rows.count, b.rows, a.columns, a.base + rows.lowerBound * a.stride, a.stride, b.base,
                b.stride, scale,
                c.base + rows.lowerBound * c.stride, c.stride)
        }
    }

    /// The same with a constant B.
    public func dots(_ a: MatrixView, _ b: ConstantMatrix, into c: MatrixView, by hands: Hands? = nil) {
        precondition(a.columns == b.columns && c.rows == a.rows && c.columns == b.rows)
        hands.halves(of: a.rows, unit: Self.tile) { rows, _ in
            table.pointee.dots(
                rows.count, b.rows, a.columns, a.base + rows.lowerBound * a.stride, a.stride, b.base,
                b.columns, 1,
                c.base + rows.lowerBound * c.stride, c.stride)
        }
        withExtendedLifetime(b) {}
    }

    /// Y_i = g(Σ_j ratio^|i-j| X_j + residual_i): the distance graph, without its matrix.
    ///
    /// - Parameter ahead: a row [1, columns] with what rows past those given contribute to the last of them
    public func decay(
        _ x: MatrixView, ratio: Float, ahead: ConstantMatrix.Row? = nil, into y: MatrixView,
        residual: MatrixView? = nil, activation: Activation = .identity, by hands: Hands? = nil
    ) {
        precondition(x.rows == y.rows && x.columns == y.columns && x.base != y.base)
        precondition(ahead.map { $0.matrix.columns == x.columns } ?? true)
        withEpilogue(bias: nil, residual: residual, activation, like: y) { epilogue in
            hands.halves(of: x.columns, unit: Self.line) { columns, _ in
                var part = epilogue.pointee.columns(from: columns.lowerBound)
                table.pointee.decay(
                    x.rows, columns.count, x.base + columns.lowerBound, x.stride, ratio,
                    ahead.map { $0.base + columns.lowerBound }, y.base + columns.lowerBound, y.stride, &part)
            }
        }
    }

    /// Floats of a cache line: no two hands write to the same.
    private static let line = 16

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

/// Operations on each row by itself.
extension Kernels {
    /// y = LayerNorm(x), both [rows, width]; y may be x.
    public func layerNorm(
        _ x: MatrixView, _ norm: LayerNorm, into y: MatrixView, by hands: Hands? = nil
    ) {
        precondition(x.rows == y.rows && x.columns == y.columns && x.columns == norm.gain.count)
        hands.halves(of: x.rows, unit: 1) { rows, _ in
            table.pointee.layer_norm(
                rows.count, x.columns, x.base + rows.lowerBound * x.stride, x.stride, norm.gain.base,
                norm.shift.base,
                y.base + rows.lowerBound * y.stride, y.stride)
        }
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
    public func similarity(
        _ x: MatrixView, own: MatrixView, lengths: MatrixView, threshold: Float, by hands: Hands? = nil
    ) {
        precondition(
            own.rows == x.rows && own.asRow.rows == 1 && lengths.rows == x.columns
                && lengths.asRow.rows == 1)
        hands.halves(of: x.rows, unit: 1) { rows, _ in
            table.pointee.similarity(
                rows.count, x.columns, x.base + rows.lowerBound * x.stride, x.stride,
                own.base + rows.lowerBound,
                lengths.base, threshold)
        }
    }

    /// Euclidean length of each row, into `lengths` [rows, 1].
    public func lengths(_ x: MatrixView, into lengths: MatrixView, by hands: Hands? = nil) {
        precondition(lengths.rows == x.rows && lengths.columns == 1)
        hands.halves(of: x.rows, unit: Self.line) { rows, _ in
            for row in rows {
                let one = x.rows(row..<row + 1)
                let square = lengths.rows(row..<row + 1)
                dots(one, one, into: square)
                square[0, 0] = square[0, 0].squareRoot()
            }
        }
    }

    /// e to the power of each value, in place.
    public func exponential(_ values: inout [Float]) {
        values.withUnsafeMutableBufferPointer {
            if let base = $0.baseAddress { table.pointee.exponential($0.count, base, base) }
        }
    }
}

extension Kernels {
    /// A convolution of five taps along the rows, by eight products in place of twenty (see template/convolution.h).
    ///
    /// - Parameters:
    ///   - x: [4 ⌈m / 4⌉ + 4, inputs], the two rows before the first output and those behind the last among them
    ///   - weights: B [inputs, outputs] of each of the eight points, and the bias
    ///   - y: [m, outputs]
    ///   - inputs, outputs: scratch, [8 ⌈m / 4⌉, inputs] and [8 ⌈m / 4⌉, outputs]
    ///   - hands: who computes; for weights of fewer bits of ⌈m / 4⌉ rows
    public func convolve(
        _ x: MatrixView, _ weights: ConvolutionWeights, into y: MatrixView, inputs: MatrixView,
        outputs: MatrixView,
        by hands: Hands? = nil
    ) {
        let tiles = (y.rows + 3) / 4
        let width = x.columns
        precondition(x.rows >= 4 * tiles + 4 && y.columns == outputs.columns && weights.bias.count == y.columns)
        precondition(inputs.rows >= 8 * tiles && inputs.columns == width && inputs.stride == width)
        precondition(outputs.rows >= 8 * tiles && outputs.stride == outputs.columns)
        hands.halves(of: tiles, unit: 1) { part, _ in
            table.pointee.convolution_in(
                part.count, width, x.base + 4 * part.lowerBound * x.stride, x.stride,
                inputs.base + part.lowerBound * width, tiles * width)
        }
        hands.each(of: weights.points.count) { point, hand in
            let rows = point * tiles..<(point + 1) * tiles
            product(
                inputs.rows(rows), Linear(weights: weights.points[point]), into: outputs.rows(rows),
                by: hands?.alone(hand))
        }
        hands.halves(of: y.rows, unit: 4) { rows, _ in
            table.pointee.convolution_out(
                rows.count, y.columns, outputs.base + rows.lowerBound / 4 * y.columns, tiles * y.columns,
                weights.bias.base, y.base + rows.lowerBound * y.stride, y.stride)
        }
    }
}

extension vg_epilogue {
    /// The same for the rows from `first` on.
    fileprivate func rows(from first: Int) -> vg_epilogue {
        var part = self
        part.residual = residual.map { $0 + first * residual_stride }
        return part
    }

    /// The same for the columns from `first` on.
    fileprivate func columns(from first: Int) -> vg_epilogue {
        var part = self
        part.bias = bias.map { $0 + first }
        part.residual = residual.map { $0 + first }
        return part
    }
}

extension Kernels {
    /// Floating-point operations a second that these kernels reach on this core when nothing holds them up: the best of
    /// several short runs.
    public func measuredPeak() -> Double {
        let rounds = 400_000
        let clock = ContinuousClock()
        var best = Double.infinity
        var sink: Float = 0
        for _ in 0..<9 {
            let start = clock.now
            sink += table.pointee.peak(rounds)
            let (seconds, attoseconds) = (clock.now - start).components
            best = min(best, Double(seconds) + Double(attoseconds) * 1e-18)
        }
        // The sum is looked at, so that the work can't be left out.
        return sink.isNaN ? 0 : Double(rounds * table.pointee.peak_flops) / best
    }
}
