import Numerics
import Service
import VadCLIP

/// Times the products of a model and whole videos.
struct EngineBench {
    let model: Model
    let kernels: Kernels
    let threads: Int
    let runs: Int

    /// The largest difference from the portable kernels with which products are timed.
    private static let tolerance: Float = 1e-3

    func report(lengths: [Int]) throws -> EngineReport {
        let peak = kernels.measuredPeak()
        let d = model.configuration.width
        let shapes = [
            ("scores' or output projection", d, d), ("feed-forward, up", d, 4 * d),
            ("feed-forward, down", 4 * d, d), ("graphs' second weights", d / 2, d / 2),
        ]
        let products = try shapes.map { try product($0.0, inputs: $0.1, outputs: $0.2) }
        return EngineReport(
            kernels: kernels.name, model: model.info.name, threads: threads, peak: peak, products: products,
            videos: lengths.map(video))
    }

    /// A product with as many rows as a chunk has.
    private func product(_ name: String, inputs: Int, outputs: Int) throws -> EngineReport.Product {
        let rows = model.configuration.length
        var random = SystemRandomNumberGenerator()
        func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -1...1, using: &random) } }
        let (weights, values) = (floats(inputs * outputs), floats(rows * inputs))
        let workspace = Workspace()
        let a = workspace.matrix(rows: rows, columns: inputs)
        a.copy(from: values[...])
        func run(_ kernels: Kernels) -> (MatrixView, () -> Void) {
            let linear = Linear(
                weights: PackedWeights(inputs: inputs, outputs: outputs, inputMajor: weights, kernels: kernels))
            let c = workspace.matrix(rows: rows, columns: outputs)
            return (c, { kernels.product(a, linear, into: c) })
        }
        let (reference, compute) = run(.portable)
        compute()
        let (found, timed) = run(kernels)
        timed()
        let difference = zip(reference.values(), found.values()).map { abs($0 - $1) }.max() ?? 0
        guard difference <= Self.tolerance else {
            throw Failure(
                .internal, "\(name): the \(kernels.name) kernels differ by \(difference) from the portable ones")
        }
        let seconds = median(timed)
        return EngineReport.Product(
            name: name, rows: rows, inputs: inputs, outputs: outputs, seconds: seconds,
            rate: 2 * Double(rows * inputs * outputs) / seconds)
    }

    private func video(_ snippets: Int) -> EngineReport.Video {
        let features = BenchModel.features(snippets: snippets, width: model.configuration.width)
        let scorer = VideoScorer(model: model, threads: threads)
        let seconds = median { _ = scorer.logits(of: features) }
        return EngineReport.Video(
            snippets: snippets, seconds: seconds,
            rate: ChunkWork(snippets: snippets, model.configuration).operations / seconds)
    }

    /// The median time of `runs` runs, after one that is not counted.
    private func median(_ work: () -> Void) -> Double {
        let clock = ContinuousClock()
        work()
        let times = (0..<runs).map { _ in
            let (seconds, attoseconds) = clock.measure(work).components
            return Double(seconds) + Double(attoseconds) * 1e-18
        }.sorted()
        return times[times.count / 2]
    }
}
