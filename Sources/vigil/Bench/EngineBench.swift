import Engine
import Tensors
import VadCLIP

/// Times the operations of a model and whole videos.
struct EngineBench {
    let model: Model
    /// The same model in float32, where it is not in that.
    let exact: Model?
    let kernels: Kernels
    let threads: Int
    let runs: Int

    /// The largest difference from the portable kernels' numbers with which an operation is timed. In bfloat16 they round what
    /// others multiply as it is.
    private func tolerance(_ reference: [Float]) -> Float {
        kernels.compute == .float32 ? 1e-3 : 0.02 * (reference.map { abs($0) }.max() ?? 0)
    }

    func report(lengths: [Int]) throws -> EngineReport {
        let peak = kernels.measuredPeak()
        let configuration = model.configuration
        let operations = EngineOperation.all(
            length: configuration.length, width: configuration.width, window: configuration.window)
        return EngineReport(
            kernels: kernels.name, compute: kernels.compute.rawValue, multiplier: kernels.narrowName,
            model: model.info.name, threads: threads, peak: peak,
            operations: try operations.map(time), videos: lengths.map(video))
    }

    /// The median time of an operation, once its result is that of the portable kernels.
    private func time(_ operation: EngineOperation) throws -> EngineReport.Operation {
        let workspace = Workspace()
        let (reference, compute) = try operation.prepare(.portable.computing(kernels.compute), workspace)
        compute()
        let (found, timed) = try operation.prepare(kernels, workspace)
        timed()
        let difference = zip(reference.values(), found.values()).map { abs($0 - $1) }.max() ?? 0
        guard difference <= tolerance(reference.values()) else {
            throw Failure(
                .internal,
                "\(operation.name): the \(kernels.name) kernels differ by \(difference) from the portable ones")
        }
        let seconds = median(timed)
        return EngineReport.Operation(
            name: operation.name, rows: operation.rows, inputs: operation.inputs, outputs: operation.outputs,
            seconds: seconds, rate: operation.work.map { $0 / seconds })
    }

    private func video(_ snippets: Int) -> EngineReport.Video {
        let features = BenchModel.features(snippets: snippets, width: model.configuration.width)
        let scorer = VideoScorer(model: model, threads: threads)
        let difference = exact.map { exact in
            let (found, expected) = (
                scorer.logits(of: features), VideoScorer(model: exact, threads: threads).logits(of: features)
            )
            return zip(found.coarse + found.fine, expected.coarse + expected.fine).map { abs($0 - $1) }.max() ?? 0
        }
        let seconds = median { _ = scorer.logits(of: features) }
        return EngineReport.Video(
            snippets: snippets, seconds: seconds,
            rate: ChunkWork(snippets: snippets, model.configuration).operations / seconds, difference: difference)
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

/// An operation of the model at the size that a whole chunk has, for timing.
struct EngineOperation {
    let name: String
    /// Rows of what comes in.
    let rows: Int
    // Columns of what comes in, and of what goes out.
    let inputs: Int
    let outputs: Int
    /// Floating-point operations; nil where they are not what takes the time.
    let work: Double?
    /// Reserves memory, and gives the result and what computes it.
    let prepare: (Kernels, Workspace) throws -> (result: MatrixView, run: () -> Void)

    /// All operations of a chunk of L rows of width d that take a noticeable part of its time.
    static func all(length l: Int, width d: Int, window: Int) -> [EngineOperation] {
        let h = d / 2
        let similarities = EngineOperation(
            name: "similarities of rows", rows: l, inputs: d, outputs: l, work: 2 * Double(l * l * d)
        ) { kernels, workspace in
            let (x, graph) = (random(l, d, workspace), workspace.matrix(rows: l, columns: l))
            return (graph, { kernels.dots(x, x, into: graph) })
        }
        let graph = EngineOperation(
            name: "graph times rows", rows: l, inputs: l, outputs: h, work: 2 * Double(l * l * h)
        ) { kernels, workspace in
            let (graph, x) = (random(l, l, workspace), random(l, h, workspace))
            let y = workspace.matrix(rows: l, columns: h)
            return (y, { kernels.product(graph, x, into: y) })
        }
        let attention = EngineOperation(
            name: "attention in windows", rows: l, inputs: d, outputs: d, work: 4 * Double(l * min(window, l) * d)
        ) { kernels, workspace in Self.attention(l, d, min(window, l), kernels, workspace) }
        let decay = EngineOperation(
            name: "distance graph", rows: l, inputs: h, outputs: h, work: nil
        ) { kernels, workspace in
            let (x, y) = (random(l, h, workspace), workspace.matrix(rows: l, columns: h))
            return (y, { kernels.decay(x, ratio: 0.7, into: y) })
        }
        let norm = EngineOperation(name: "LayerNorm", rows: l, inputs: d, outputs: d, work: nil) { kernels, workspace in
            let norm = LayerNorm(gain: [Float](repeating: 1, count: d), shift: [Float](repeating: 0, count: d))
            let (x, y) = (random(l, d, workspace), workspace.matrix(rows: l, columns: d))
            return (y, { kernels.layerNorm(x, norm, into: y) })
        }
        let gelu = EngineOperation(
            name: "QuickGELU", rows: l, inputs: 4 * d, outputs: 4 * d, work: nil
        ) { kernels, workspace in
            let (x, y) = (random(l, 4 * d, workspace), workspace.matrix(rows: l, columns: 4 * d))
            return (y, { kernels.quickGELU(x, into: y) })
        }
        return [
            product("scores' or output projection", l, d, d), product("feed-forward, up", l, d, 4 * d),
            product("feed-forward, down", l, 4 * d, d), product("graphs' second weights", l, h, h),
            convolution(l, d), similarities, graph, attention, decay, norm, gelu,
        ]
    }

    private static func product(_ name: String, _ l: Int, _ inputs: Int, _ outputs: Int) -> EngineOperation {
        EngineOperation(
            name: name, rows: l, inputs: inputs, outputs: outputs, work: 2 * Double(l * inputs * outputs)
        ) { kernels, workspace in
            let a = random(l, inputs, workspace)
            let weights = PackedWeights(
                inputs: inputs, outputs: outputs, inputMajor: random(inputs, outputs, workspace).values(),
                kernels: kernels)
            let c = workspace.matrix(rows: l, columns: outputs)
            let narrow = workspace.narrowScratch(rows: l, inputs: inputs, for: kernels)
            return (c, { kernels.product(a, Linear(weights: weights), into: c, scratch: narrow) })
        }
    }

    /// The graphs' convolutions; the work is that of their eight products, not of the twenty that they replace.
    private static func convolution(_ l: Int, _ d: Int) -> EngineOperation {
        let tiles = (l + ConvolutionWeights.tile - 1) / ConvolutionWeights.tile
        let points = ConvolutionWeights.points * tiles
        return EngineOperation(
            name: "graphs' convolutions", rows: l, inputs: d, outputs: d, work: 2 * Double(points * d * d)
        ) { kernels, workspace in
            let x = random(4 * tiles + 4, d, workspace)
            let bias = AlignedFloats([Float](repeating: 0, count: d))
            let weights = try ConvolutionWeights(
                "taps", inputs: d, outputs: d, bias: bias, in: Preparation(kernels: kernels)
            ) { () throws(WeightError) in random(ConvolutionWeights.taps * d, d, workspace).values() }
            let y = workspace.matrix(rows: l, columns: d)
            let inputs = workspace.matrix(rows: points, columns: d)
            let outputs = workspace.matrix(rows: points, columns: d)
            let narrow = workspace.narrowScratch(rows: tiles, inputs: d, for: kernels)
            return (
                y, { kernels.convolve(x, weights, into: y, inputs: inputs, outputs: outputs, scratch: narrow) }
            )
        }
    }

    private static func attention(
        _ l: Int, _ d: Int, _ window: Int, _ kernels: Kernels, _ workspace: Workspace
    ) -> (result: MatrixView, run: () -> Void) {
        let (x, y) = (random(l, d, workspace), workspace.matrix(rows: l, columns: d))
        let scores = workspace.matrix(rows: window, columns: window)
        return (
            y,
            {
                for start in stride(from: 0, to: l, by: window) {
                    let rows = start..<min(start + window, l)
                    let part = scores.rows(0..<rows.count).columns(0..<rows.count)
                    kernels.dots(x.rows(rows), x.rows(rows), into: part)
                    kernels.softmax(part)
                    kernels.product(part, x.rows(rows), into: y.rows(rows))
                }
            }
        )
    }

    /// The same numbers for every set of kernels, so that results can be compared.
    private static func random(_ rows: Int, _ columns: Int, _ workspace: Workspace) -> MatrixView {
        var state = UInt64(rows &* 31 &+ columns)
        let view = workspace.matrix(rows: rows, columns: columns)
        let values = (0..<rows * columns).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int32(truncatingIfNeeded: state >> 32)) / Float(Int32.max)
        }
        view.copy(from: values[...])
        return view
    }
}

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
