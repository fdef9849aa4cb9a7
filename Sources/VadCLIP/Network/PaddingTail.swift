import Numerics

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

    /// Takes what a chunk without any snippet gives.
    ///
    /// - Parameters:
    ///   - local: rows after the local module, [L, d]
    ///   - first: x W3, [L, h]
    ///   - second: b W4, [L, h]
    ///   - coarse: c, [L]
    ///   - visual: V, [L, d]
    init(local: Matrix, first: Matrix, second: Matrix, coarse: [Float], visual: Matrix) {
        self.local = ConstantMatrix(rows: local.rows, columns: local.columns, values: local.values)
        self.first = Self.suffixes(first, ratio: GraphModule.decay) { _ in GraphModule.decay }
        self.second = Self.suffixes(second, ratio: GraphModule.decay) { _ in GraphModule.decay }
        prompt = Self.suffixes(visual, ratio: 1) { coarse[$0] }
    }

    /// s_m = ratio · s_(m+1) + weight(m) · x_m, with s_L = 0.
    private static func suffixes(_ x: Matrix, ratio: Float, weight: (Int) -> Float) -> ConstantMatrix {
        var values = [Float](repeating: 0, count: (x.rows + 1) * x.columns)
        for row in stride(from: x.rows - 1, through: 0, by: -1) {
            let w = weight(row)
            for column in 0..<x.columns {
                values[row * x.columns + column] =
                    ratio * values[(row + 1) * x.columns + column] + w * x[row, column]
            }
        }
        return ConstantMatrix(rows: x.rows + 1, columns: x.columns, values: values)
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
