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
    ///   - activation: what is applied to the sum
    ///   - scratch: for weights of fewer bits, reserved for these kernels, m rows and as many inputs
    public func product(
        _ a: MatrixView, _ linear: Linear, into c: MatrixView, residual: MatrixView? = nil,
        activation: Activation = .identity, scratch: NarrowScratch? = nil
    ) {
        let weights = linear.weights
        precondition(weights.kernels.table == table, "weights are packed for the kernels that use them")
        precondition(a.columns == weights.inputs && c.columns == weights.outputs && a.rows == c.rows)
        withEpilogue(bias: linear.bias, residual: residual, activation, like: c) { epilogue in
            if let narrow = weights.narrow?.table.pointee {
                let needed = narrow.scratch_bytes(a.rows, weights.inputs)
                precondition(needed == 0 || scratch.map { $0.bytes >= needed } ?? false, "room for the rows")
                return narrow.product(
                    a.rows, weights.outputs, weights.inputs, a.base, a.stride, weights.floats.base, c.base, c.stride,
                    epilogue, scratch?.base)
            }
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
    /// - Parameters:
    ///   - x: [rows, width]
    ///   - ratio: by which weights fall with each row of distance
    ///   - ahead: a row [1, columns] with what rows past those given contribute to the last of them
    ///   - y: receives the sums; not `x`
    ///   - residual: is added
    ///   - activation: what is applied to the sum
    public func decay(
        _ x: MatrixView, ratio: Float, ahead: ConstantMatrix.Row? = nil, into y: MatrixView,
        residual: MatrixView? = nil, activation: Activation = .identity
    ) {
        precondition(x.rows == y.rows && x.columns == y.columns && x.base != y.base)
        precondition(ahead.map { $0.count == x.columns } ?? true)
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
    ///   - x: [rows, width]
    ///   - own: lengths of the rows given, [rows, 1]
    ///   - lengths: lengths of all n rows, [n, 1]
    ///   - threshold: below it a similarity is none
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

extension Kernels {
    /// A convolution of five taps along the rows, by eight products in place of twenty (see template/convolution.h).
    ///
    /// - Parameters:
    ///   - x: [4 ⌈m / 4⌉ + 4, inputs], the two rows before the first output and those behind the last among them
    ///   - weights: B [inputs, outputs] of each of the eight points, and the bias
    ///   - y: [m, outputs]
    ///   - inputs: scratch, [8 ⌈m / 4⌉, inputs]
    ///   - outputs: scratch, [8 ⌈m / 4⌉, outputs]
    ///   - scratch: for weights of fewer bits, of ⌈m / 4⌉ rows
    public func convolve(
        _ x: MatrixView, _ weights: ConvolutionWeights, into y: MatrixView, inputs: MatrixView, outputs: MatrixView,
        scratch: NarrowScratch? = nil
    ) {
        let steps = Convolution(kernels: self, x: x, weights: weights, y: y, inputs: inputs, outputs: outputs)
        steps.mix(tiles: 0..<steps.tiles)
        for point in 0..<weights.points.count { steps.multiply(point: point, scratch: scratch) }
        steps.combine(tiles: 0..<steps.tiles)
    }
}

/// The steps of a convolution, one after the other; what is done in one of them can be done in any order.
struct Convolution {
    private let kernels: Kernels
    private let x: MatrixView
    private let weights: ConvolutionWeights
    private let y: MatrixView
    private let inputs: MatrixView
    private let outputs: MatrixView
    /// Tiles of four outputs.
    let tiles: Int

    /// As `Kernels.convolve` takes them.
    init(
        kernels: Kernels, x: MatrixView, weights: ConvolutionWeights, y: MatrixView, inputs: MatrixView,
        outputs: MatrixView
    ) {
        let tiles = (y.rows + 3) / 4
        let width = x.columns
        precondition(x.rows >= 4 * tiles + 4 && y.columns == outputs.columns && weights.bias.count == y.columns)
        precondition(inputs.rows >= 8 * tiles && inputs.columns == width && inputs.stride == width)
        precondition(outputs.rows >= 8 * tiles && outputs.stride == outputs.columns)
        (self.kernels, self.x, self.weights, self.y) = (kernels, x, weights, y)
        (self.inputs, self.outputs, self.tiles) = (inputs, outputs, tiles)
    }

    /// The first: mixtures of eight rows each.
    func mix(tiles part: Range<Int>) {
        let width = x.columns
        kernels.table.pointee.convolution_in(
            part.count, width, x.base + 4 * part.lowerBound * x.stride, x.stride,
            inputs.base + part.lowerBound * width, tiles * width)
    }

    /// The second: the product of one of the eight points.
    func multiply(point: Int, scratch: NarrowScratch?) {
        let rows = point * tiles..<(point + 1) * tiles
        kernels.product(
            inputs.rows(rows), Linear(weights: weights.points[point]), into: outputs.rows(rows), scratch: scratch)
    }

    /// The last: outputs and bias.
    func combine(tiles part: Range<Int>) {
        let rows = 4 * part.lowerBound..<min(4 * part.upperBound, y.rows)
        kernels.table.pointee.convolution_out(
            rows.count, y.columns, outputs.base + part.lowerBound * y.columns, tiles * y.columns, weights.bias.base,
            y.base + rows.lowerBound * y.stride, y.stride)
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
