import Tensors

/// What does not depend on the video: the padded rows of a chunk that lie far enough behind its last snippet.
///
/// Spec: "What need not be computed". A window that is all padding leaves the local module with the same rows for every
/// video. The distance graph decays by e^-0.37 a row, so `margin` rows further on V and c are the same for every video
/// too; their part of the visual prompt is a suffix sum, and their part of the distance graph one row a convolution.
struct PaddingTail: Sendable {
    /// Rows behind the last window with a snippet after which V is a constant of the model, to 2e-6.
    static let margin = 48

    /// Rows after the local module where a window is all padding, [L, d].
    let local: ConstantMatrix
    /// For each number of rows m from 0 to L: Σ_j r^(j-m+1) x_j W3 over j from m on, [L + 1, h].
    let first: ConstantMatrix
    /// The same of the second convolution's input, [L + 1, h].
    let second: ConstantMatrix
    /// For each m: Σ_i c_i V_i over i from m on, [L + 1, d].
    let prompt: ConstantMatrix
    /// V of padded rows before it is refined, [L, d], where the trunk does so.
    let joined: ConstantMatrix?

    /// What a chunk without any snippet gives.
    struct Rows {
        /// Rows after the local module, [L, d].
        let local: Matrix
        /// x W3, [L, h].
        let first: Matrix
        /// b W4, [L, h].
        let second: Matrix
        /// V before it is refined, [L, d].
        let joined: Matrix
        /// c, [L].
        let coarse: [Float]
        /// V, [L, d].
        let visual: Matrix
    }

    /// Takes the sums from where they are stored, or makes them of the rows that `compute` gives, once.
    init(
        _ configuration: ModelConfiguration, in preparation: Preparation, compute: () -> Rows
    ) throws(WeightError) {
        let (length, d) = (configuration.length, configuration.width)
        // Rows that a network has by fewer bits are others than float32's.
        func matrix(
            _ name: String, rows: Int, columns: Int, make: () throws(WeightError) -> [Float]
        ) throws(WeightError) -> ConstantMatrix {
            try preparation.matrix(
                preparation.kernels.blockName("padding." + name), rows: rows, columns: columns, make: make)
        }
        var known: Rows?
        func rows() -> Rows {
            let rows = known ?? compute()
            known = rows
            return rows
        }
        local = try matrix("local", rows: length, columns: d) { () throws(WeightError) in
            rows().local.values
        }
        first = try matrix("first", rows: length + 1, columns: d / 2) { () throws(WeightError) in
            Self.suffixes(rows().first, ratio: GraphModule.decay) { _ in GraphModule.decay }
        }
        second = try matrix("second", rows: length + 1, columns: d / 2) { () throws(WeightError) in
            Self.suffixes(rows().second, ratio: GraphModule.decay) { _ in GraphModule.decay }
        }
        prompt = try matrix("prompt", rows: length + 1, columns: d) { () throws(WeightError) in
            let rows = rows()
            return Self.suffixes(rows.visual, ratio: 1) { rows.coarse[$0] }
        }
        guard !configuration.kind.family.trunk.refinements.isEmpty else {
            joined = nil
            return
        }
        joined = try matrix("joined", rows: length, columns: d) { () throws(WeightError) in
            rows().joined.values
        }
    }

    /// s_m = ratio · s_(m+1) + weight(m) · x_m, with s_L = 0.
    private static func suffixes(_ x: Matrix, ratio: Float, weight: (Int) -> Float) -> [Float] {
        var values = [Float](repeating: 0, count: (x.rows + 1) * x.columns)
        for row in stride(from: x.rows - 1, through: 0, by: -1) {
            let w = weight(row)
            for column in 0..<x.columns {
                values[row * x.columns + column] =
                    ratio * values[(row + 1) * x.columns + column] + w * x[row, column]
            }
        }
        return values
    }
}

/// How many rows of a chunk each part of the network computes.
struct ChunkExtent: Equatable {
    /// n, the snippets.
    let valid: Int
    /// Rows of the local module: whole windows, up to the last with a snippet.
    let local: Int
    /// Rows of everything after it.
    let rest: Int

    /// All of it, padding included: the plain reading of the model.
    init(plain configuration: ModelConfiguration, valid: Int) {
        self.valid = valid
        local = configuration.length
        rest = configuration.length
    }

    /// What depends on the video.
    init(needed configuration: ModelConfiguration, valid: Int) {
        let (length, window) = (configuration.length, configuration.window)
        self.valid = valid
        local = min((valid + window - 1) / window * window, length)
        rest = min(local + PaddingTail.margin, length)
    }
}
