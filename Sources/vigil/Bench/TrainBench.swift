import CLIP
import Tensors
import Training
import VadCLIP

/// Times steps of training: forward, losses, backward and AdamW, the text tower with them.
struct TrainBench {
    let preset: Preset
    let videos: Int
    let snippets: Int
    let kernels: Kernels
    let threads: Int
    let runs: Int

    private static let width = 512
    private static let length = 256

    private var model: ModelConfiguration {
        ModelConfiguration(
            width: Self.width, length: Self.length, layers: preset.layers, window: preset.window,
            labels: preset.labels)
    }

    private var tower: TextTower.Configuration {
        TextTower.Configuration(
            width: Self.width, outputWidth: Self.width, layers: 12, context: 77, vocabulary: 49_408, prefix: 10,
            postfix: 10)
    }

    func report() throws -> TrainReport {
        let settings = TrainingSettings(model: model)
        let layout = ParameterLayout(model, context: tower.context, textWidth: tower.width)
        let trainer = try Trainer(
            settings: settings, parameters: Parameters(layout: layout, seed: 1), clip: SyntheticTower(), tower: tower,
            tokens: preset.tokens, words: [], kernels: kernels, threads: threads)
        let samples = (0..<videos).map { index in
            Sample(
                features: BenchModel.features(snippets: snippets, width: Self.width),
                classes: [index % 2 == 0 ? 0 : 1 + index % (model.labels.count - 1)], model: model)
        }
        let peak = kernels.measuredPeak()
        let clock = ContinuousClock()
        var times: [Double] = []
        for run in 0...runs {
            let (seconds, attoseconds) = try clock.measure {
                _ = try trainer.step(samples, learningRate: 1e-5)
            }.components
            // The first step reserves what the others use again.
            if run > 0 { times.append(Double(seconds) + Double(attoseconds) * 1e-18) }
        }
        times.sort()
        return TrainReport(
            kernels: kernels.name, preset: preset.name, videos: videos, snippets: snippets, threads: threads,
            peak: peak, seconds: times[times.count / 2], best: times[0],
            operations: operations(textRows: 11 + preset.tokens.reduce(0) { $0 + $1.count + 11 }))
    }

    /// Floating-point operations of a step, a multiply-add counted as two: products and attention, forwards and backwards, as
    /// they are computed here.
    private func operations(textRows: Int) -> Double {
        let (d, rows, n) = (Double(Self.width), Double(videos * Self.length), Double(min(snippets, Self.length)))
        // Of each layer two projections and the feed-forward, in windows scores and values; and what stands in ChunkWork.
        let layer = rows * (10 * d * d + 2 * Double(preset.window) * d)
        let graphs = rows * 8.5 * d * d
        let classes = Double(videos * model.labels.count)
        let learned = Double(preset.layers) * layer + graphs + classes * 8 * d * d
        let similarities = Double(videos) * n * n * d * (2 + 3)
        let text = 2 * Double(tower.layers) * Double(textRows) * 12 * d * d
        return 2 * (3 * learned + similarities + text)
    }

    /// A text tower of random weights.
    private struct SyntheticTower: WeightSource {
        func shape(of name: String) -> [Int]? { nil }

        func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
            let inputs = shape.count == 1 ? 100 : shape[1]
            let scale = 1.7 / Float(inputs).squareRoot()
            // The only vectors of that name are LayerNorms' gains.
            let centre: Float = shape.count == 1 && name.ends(with: ".weight") ? 1 : 0
            var state = UInt64(shape.reduce(7, *))
            return (0..<shape.reduce(1, *)).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return centre + scale * Float(Int32(truncatingIfNeeded: state >> 32)) / Float(Int32.max)
            }
        }
    }
}
