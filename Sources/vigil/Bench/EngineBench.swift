import Engine
import Numerics
import VadCLIP

/// Times the operations of a model and whole videos.
struct EngineBench {
    let model: Model
    let kernels: Kernels
    let threads: Int
    let runs: Int

    /// The largest difference from the portable kernels with which an operation is timed.
    private static let tolerance: Float = 1e-3

    func report(lengths: [Int]) throws -> EngineReport {
        let peak = kernels.measuredPeak()
        let configuration = model.configuration
        let operations = EngineOperation.all(
            length: configuration.length, width: configuration.width, window: configuration.window)
        return EngineReport(
            kernels: kernels.name, model: model.info.name, threads: threads, peak: peak,
            operations: try operations.map(time), videos: lengths.map(video))
    }

    /// The median time of an operation, once its result is that of the portable kernels.
    private func time(_ operation: EngineOperation) throws -> EngineReport.Operation {
        let workspace = Workspace()
        let (reference, compute) = try operation.prepare(.portable, workspace)
        compute()
        let (found, timed) = try operation.prepare(kernels, workspace)
        timed()
        let difference = zip(reference.values(), found.values()).map { abs($0 - $1) }.max() ?? 0
        guard difference <= Self.tolerance else {
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
