import CKernels

/// Who computes: one thread, and a second one for as long as it is lent; each has memory of its own for rows in fewer bits.
///
/// Its operations are those of `Kernels`, and come to the same bits, whoever takes part. Without company they are those of the
/// kernels and nothing else.
public struct Hands {
    /// What both compute with.
    public let kernels: Kernels
    private let memory: (NarrowScratch?, NarrowScratch?)
    private let second: (any PartSharing)?

    fileprivate init(kernels: Kernels, memory: (NarrowScratch?, NarrowScratch?), second: (any PartSharing)?) {
        self.kernels = kernels
        self.memory = memory
        self.second = second
    }

    /// How many may compute at the same time.
    public var count: Int { second == nil ? 1 : 2 }

    /// Calls `body` with parts of `count` things and who does them, 0 or 1; with all of them at once where nobody else is there.
    /// The parts must be independent of each other.
    ///
    /// - Parameters:
    ///   - count: how many there are
    ///   - unit: what parts begin at is a multiple of it
    ///   - parts: into how many they are cut at most; an even number is shared alike
    ///   - body: is called with each range, and with who does it
    public func share(
        _ count: Int, by unit: Int = 1, parts: Int = 2, _ body: (_ range: Range<Int>, _ hand: Int) -> Void
    ) {
        let units = (count + unit - 1) / unit
        let parts = min(parts, units)
        guard parts > 1, let second, second.isThere else { return body(0..<count, 0) }
        second.share(parts) { part, hand in
            body(min(part * units / parts * unit, count)..<min((part + 1) * units / parts * unit, count), hand)
        }
    }

    fileprivate func memory(of hand: Int) -> NarrowScratch? { hand == 0 ? memory.0 : memory.1 }
}

extension Workspace {
    /// Hands for products of up to `rows` rows with weights of up to `inputs` inputs.
    ///
    /// - Parameters:
    ///   - rows: of the result
    ///   - inputs: of each row
    ///   - kernels: those that compute
    ///   - second: a second thread for as long as there is one
    public func hands(rows: Int, inputs: Int, for kernels: Kernels, second: (any PartSharing)? = nil) -> Hands {
        let first = narrowScratch(rows: rows, inputs: inputs, for: kernels)
        let other = second == nil ? nil : narrowScratch(rows: rows, inputs: inputs, for: kernels)
        return Hands(kernels: kernels, memory: (first, other), second: second)
    }
}

/// Products. In all of them m is the rows of the left-hand side.
extension Hands {
    /// Rows of whole tiles of most kernels.
    private static let tile = 12
    /// Below so many rows a product is cut by columns: each thread reads half of the weights, and not both all of them.
    private static let fewRows = 96
    /// Rows for which reading the weights once more is worth it.
    private static let partRows = 64
    /// Floats of a cache line: no two threads write to the same.
    private static let line = 16

    /// Parts that m rows of a product are cut into, an even number.
    private static func parts(ofRows m: Int) -> Int { max(m / partRows / 2 * 2, 2) }

    /// C = g(A B + bias + residual), B constant, as `Kernels.product`.
    public func product(
        _ a: MatrixView, _ linear: Linear, into c: MatrixView, residual: MatrixView? = nil,
        activation: Activation = .identity
    ) {
        precondition(a.rows == c.rows)
        guard a.rows < Self.fewRows else {
            return share(a.rows, by: Self.tile, parts: Self.parts(ofRows: a.rows)) { rows, hand in
                kernels.product(
                    a.rows(rows), linear, into: c.rows(rows), residual: residual?.rows(rows), activation: activation,
                    scratch: memory(of: hand))
            }
        }
        // In fewer bits each thread puts all rows into them, so there are not more parts than threads.
        let parts = linear.weights.narrow == nil ? 4 : 2
        share(linear.weights.outputs, by: linear.weights.panel, parts: parts) { columns, hand in
            kernels.product(
                a, columns.count == c.columns ? linear : linear.outputs(columns), into: c.columns(columns),
                residual: residual?.columns(columns), activation: activation, scratch: memory(of: hand))
        }
    }

    /// C = g(A B + residual), B an activation [k, n].
    public func product(
        _ a: MatrixView, _ b: MatrixView, into c: MatrixView, residual: MatrixView? = nil,
        activation: Activation = .identity
    ) {
        precondition(a.rows == c.rows)
        share(a.rows, by: Self.tile, parts: Self.parts(ofRows: a.rows)) { rows, _ in
            kernels.product(
                a.rows(rows), b, into: c.rows(rows), residual: residual?.rows(rows), activation: activation)
        }
    }

    /// C [m, n] = scale · A [m, k] Bᵀ, B [n, k]: the dot product of each row of A with each row of B.
    public func dots(_ a: MatrixView, _ b: MatrixView, scale: Float = 1, into c: MatrixView) {
        precondition(a.rows == c.rows)
        share(a.rows, by: Self.tile, parts: Self.parts(ofRows: a.rows)) { rows, _ in
            kernels.dots(a.rows(rows), b, scale: scale, into: c.rows(rows))
        }
    }

    /// The same with a constant B.
    public func dots(_ a: MatrixView, _ b: ConstantMatrix, into c: MatrixView) {
        precondition(a.rows == c.rows)
        share(a.rows, by: Self.line) { rows, _ in kernels.dots(a.rows(rows), b, into: c.rows(rows)) }
    }

    /// Y_i = g(Σ_j ratio^|i-j| X_j + residual_i), as `Kernels.decay`.
    public func decay(
        _ x: MatrixView, ratio: Float, ahead: ConstantMatrix.Row? = nil, into y: MatrixView,
        residual: MatrixView? = nil, activation: Activation = .identity
    ) {
        precondition(x.columns == y.columns)
        share(x.columns, by: Self.line) { columns, _ in
            kernels.decay(
                x.columns(columns), ratio: ratio, ahead: ahead?.columns(columns), into: y.columns(columns),
                residual: residual?.columns(columns), activation: activation)
        }
    }

    /// A convolution of five taps along the rows, as `Kernels.convolve`.
    public func convolve(
        _ x: MatrixView, _ weights: ConvolutionWeights, into y: MatrixView, inputs: MatrixView, outputs: MatrixView
    ) {
        let steps = Convolution(kernels: kernels, x: x, weights: weights, y: y, inputs: inputs, outputs: outputs)
        share(steps.tiles) { tiles, _ in steps.mix(tiles: tiles) }
        share(weights.points.count, parts: weights.points.count) { points, hand in
            for point in points { steps.multiply(point: point, scratch: memory(of: hand)) }
        }
        share(steps.tiles) { tiles, _ in steps.combine(tiles: tiles) }
    }
}

/// Operations on each row by itself.
extension Hands {
    /// y = LayerNorm(x), both [rows, width]; y may be x.
    public func layerNorm(_ x: MatrixView, _ norm: LayerNorm, into y: MatrixView) {
        precondition(x.rows == y.rows)
        share(x.rows, by: Self.tile) { rows, _ in kernels.layerNorm(x.rows(rows), norm, into: y.rows(rows)) }
    }

    /// The similarity graph, in place, as `Kernels.similarity`.
    public func similarity(_ x: MatrixView, own: MatrixView, lengths: MatrixView, threshold: Float) {
        precondition(x.rows == own.rows)
        share(x.rows, by: Self.tile) { rows, _ in
            kernels.similarity(x.rows(rows), own: own.rows(rows), lengths: lengths, threshold: threshold)
        }
    }

    /// Euclidean length of each row, into `lengths` [rows, 1].
    public func lengths(_ x: MatrixView, into lengths: MatrixView) {
        precondition(x.rows == lengths.rows)
        share(x.rows, by: Self.line) { rows, _ in kernels.lengths(x.rows(rows), into: lengths.rows(rows)) }
    }
}
