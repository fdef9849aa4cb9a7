import Numerics
import VadCLIP

/// The model that benchmarks run.
enum BenchModel {
    /// The model at `path`, or one of random weights in UCF-Crime's shape.
    static func load(_ path: String?, kernels: Kernels) throws -> Model {
        if let path { return try ModelSource.load(path: path, kernels: kernels) }
        let preset = Preset.ucfCrime
        return try Model.synthetic(
            ModelConfiguration(width: 512, length: 256, layers: 2, window: preset.window, labels: preset.labels),
            kernels: kernels)
    }

    /// Features as long as CLIP's rows are, random ones: what is scored does not change how long it takes.
    static func features(snippets: Int, width: Int) -> Matrix {
        var random = SystemRandomNumberGenerator()
        return Matrix(
            rows: snippets, columns: width,
            values: (0..<snippets * width).map { _ in Float.random(in: -0.75...0.75, using: &random) })
    }
}
