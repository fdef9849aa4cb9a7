import CLIP
import Platform
import Tensors
import VadCLIP

/// Trains a model step by step: batch in, losses out, weights changed.
///
/// The same start, settings and batches give the same bits on the same kernels, whatever the number of threads. Not
/// `Sendable`: one thread calls it, which takes part in the work.
public final class Trainer {
    /// What is trained, and how.
    public let settings: TrainingSettings
    private let memory: TrainedMemory
    let network: TrainedNetwork
    private let text: any PromptedText
    private let crew: TaskCrew
    private let prompt: (weight: MatrixView, gradient: MatrixView)
    /// Gradient by the text features, [K, d].
    private let textGradient: MatrixView
    /// Norms of the gradients, as many as there are tensors.
    private let norms: MatrixView
    /// Whether the packed weights are those of `parameters`.
    private var isPrepared = false
    private var preparedText = Matrix(rows: 0, columns: 0)
    private var steps = 0
    /// Whether a step of this object has changed the weights.
    private var hasLearned = false
    /// Beyond it a feature is none that CLIP makes, whose values are below 100.
    private static let largestFeature: Float = 10_000

    /// Begins at `parameters`, with moments of zero.
    ///
    /// - Parameters:
    ///   - settings: what can be chosen
    ///   - parameters: the weights to begin at
    ///   - clip: has CLIP's text tower
    ///   - tower: its shape, with the settings' prefix and postfix
    ///   - tokens: the labels' word tokens
    ///   - words: those of "a video of", in place of the learned prompt where that is left out
    ///   - kernels: those that compute
    ///   - threads: that compute, the caller's among them
    public convenience init(
        settings: TrainingSettings, parameters: Parameters, clip: some WeightSource, tower: TextTower.Configuration,
        tokens: [[Int]], words: [Int], kernels: Kernels, threads: Int
    ) throws(TrainingError) {
        let crew = TaskCrew(threads: threads, name: "vigil-training")
        let text: any PromptedText =
            if settings.without.contains(.learnablePrompt) {
                try HandWrittenText(clip: clip, tower: tower, words: words, tokens: tokens, kernels: kernels)
            } else {
                try LearnedText(clip: clip, tower: tower, tokens: tokens, kernels: kernels, crew: crew)
            }
        try self.init(settings: settings, parameters: parameters, text: text, kernels: kernels, crew: crew)
    }

    init(
        settings: TrainingSettings, parameters: Parameters, text: any PromptedText, kernels: Kernels, crew: TaskCrew
    ) throws(TrainingError) {
        do { try settings.model.validate() } catch { throw .badModel(error) }
        self.settings = settings
        self.text = text
        self.crew = crew
        memory = TrainedMemory(layout: parameters.layout, kernels: kernels)
        network = TrainedNetwork(in: memory, model: settings.model, without: settings.without, crew: crew)
        prompt = memory.tensor(ParameterLayout.prompt)
        textGradient = memory.matrix(rows: settings.model.labels.count, columns: settings.model.width)
        norms = memory.matrix(rows: 1, columns: parameters.layout.tensors.count)
        memory.weights.copy(from: parameters.values[...])
    }

    /// The weights. Whoever sets them goes back to others; moments and steps stay.
    public var parameters: Parameters {
        get { Parameters(layout: memory.layout, values: memory.weights.values()) }
        set {
            precondition(newValue.layout == memory.layout, "weights of the same model")
            memory.weights.copy(from: newValue.values[...])
            isPrepared = false
        }
    }

    /// The gradients of the last step.
    var gradients: Parameters { Parameters(layout: memory.layout, values: memory.gradients.values()) }

    /// The optimizer's moments and how many steps it has made.
    public var optimizer: OptimizerState {
        get { OptimizerState(first: memory.first.values(), second: memory.second.values(), steps: steps) }
        set {
            memory.first.copy(from: newValue.first[...])
            memory.second.copy(from: newValue.second[...])
            steps = newValue.steps
        }
    }

    /// One step: forward, losses, backward, AdamW.
    ///
    /// - Parameters:
    ///   - samples: the batch
    ///   - learningRate: of this step
    ///   - norms: whether the gradients' norms are wanted
    public func step(_ samples: [Sample], learningRate: Float, norms: Bool = false) throws(TrainingError) -> StepReport
    {
        let losses = differentiate(samples)
        steps += 1
        guard losses.sum.isFinite else { throw diverged("the loss", samples) }
        let slopes = gradientNorms
        for (name, norm) in slopes where !norm.isFinite { throw diverged("the gradient of '\(name)'", samples) }
        update(learningRate: learningRate)
        hasLearned = true
        return StepReport(losses: losses, gradientNorms: norms ? slopes : [])
    }

    /// The error of a step in which something is not finite, with what most likely made it so.
    private func diverged(_ what: String, _ samples: [Sample]) -> TrainingError {
        let largest = samples.map { sample in
            (source: sample.source, value: sample.features.values.reduce(0) { max($0, abs($1)) })
        }.max { $0.value < $1.value }
        if let largest, largest.value > Self.largestFeature {
            return .diverged(
                step: steps, what: what, cause: .features(file: largest.source, largest: largest.value))
        }
        return .diverged(step: steps, what: what, cause: hasLearned ? .rate : .start)
    }

    /// The losses of a batch, and the gradients of all weights.
    func differentiate(_ samples: [Sample]) -> StepLosses {
        precondition(!samples.isEmpty && samples.allSatisfy { $0.labels.count == settings.model.labels.count })
        let features = prepare()
        let (gradients, parts) = (memory.gradients, blocks(of: memory.gradients.columns, by: 1 << 18))
        crew.run(parts.count) { part, _ in gradients.columns(parts[part]).fill(0) }
        textGradient.fill(0)
        var sums = TrainedNetwork.Losses()
        for range in blocks(of: samples.count, by: Group.most) {
            let group = network.learn(
                Array(samples[range]), batch: samples.count, isFirst: range.lowerBound == 0, text: textGradient)
            sums.coarse += group.coarse
            sums.alignment += group.alignment
        }
        network.finish()
        let count = Double(samples.count)
        var losses = StepLosses(
            coarse: Float(sums.coarse / count), alignment: Float(sums.alignment / count), contrast: 0)
        if settings.without.contains(.alignment) { return losses }
        var gradient = textGradient.matrix
        losses.contrast = ContrastLoss.add(features, weight: settings.contrastWeight, to: &gradient)
        text.backward(gradient, to: prompt.gradient)
        return losses
    }

    /// Packs the weights and encodes the labels where they have changed; the text features.
    private func prepare() -> Matrix {
        if isPrepared { return preparedText }
        preparedText =
            settings.without.contains(.alignment)
            ? Matrix(rows: settings.model.labels.count, columns: settings.model.width)
            : text.features(prompt: prompt.weight)
        network.prepare(text: preparedText)
        isPrepared = true
        return preparedText
    }

    /// The tensors that have a gradient in this network.
    private var trained: [ParameterLayout.Tensor] {
        memory.layout.tensors.filter { settings.trains($0.name) }
    }

    private var gradientNorms: [(name: String, norm: Float)] {
        let (tensors, memory, norms) = (trained, memory, norms)
        crew.run(tensors.count) { index, _ in
            norms[0, index] = Float(
                memory.kernels.sumOfSquares(memory.gradients.columns(tensors[index].range)).squareRoot())
        }
        return tensors.enumerated().map { ($1.name, norms[0, $0]) }
    }

    /// AdamW over all tensors that have a gradient.
    private func update(learningRate: Float) {
        let parts = trained.flatMap { tensor in
            blocks(of: tensor.range.count, by: 1 << 16).map {
                tensor.range.lowerBound + $0.lowerBound..<tensor.range.lowerBound + $0.upperBound
            }
        }
        let (memory, method, steps) = (memory, settings.optimizer, steps)
        crew.run(parts.count) { part, _ in
            let range = parts[part]
            memory.kernels.update(
                memory.weights.columns(range), gradient: memory.gradients.columns(range),
                first: memory.first.columns(range), second: memory.second.columns(range), by: method, step: steps,
                rate: learningRate)
        }
        isPrepared = false
    }

    /// The labels' text features with the prompt as it is, [K, d].
    public func textFeatures() -> Matrix { prepare() }

    /// Logits of videos [T, d] with the weights as they are, chunk by chunk of L snippets.
    public func logits(of videos: [Matrix]) -> [Logits] {
        _ = prepare()
        let width = settings.model.width
        var inputs: [TrainedNetwork.Input] = []
        for video in videos {
            precondition(video.columns == width, "features as wide as the model")
            for rows in blocks(of: video.rows, by: settings.model.length) {
                inputs.append(
                    .init(
                        values: video.values[rows.lowerBound * width..<rows.upperBound * width], count: rows.count))
            }
        }
        var chunks = blocks(of: inputs.count, by: Group.most)
            .flatMap { network.logits(of: Array(inputs[$0])) }[...]
        return videos.map { video in
            let own = chunks.prefix(blocks(of: video.rows, by: settings.model.length).count)
            chunks = chunks.dropFirst(own.count)
            return Logits(
                snippets: video.rows, classes: settings.model.labels.count, coarse: own.flatMap(\.coarse),
                fine: own.flatMap(\.fine))
        }
    }
}

/// AdamW's memory of the steps so far.
public struct OptimizerState: Sendable, Equatable {
    /// Means of the gradients, one for each trained number.
    public var first: [Float]
    /// Means of their squares.
    public var second: [Float]
    /// Steps made.
    public var steps: Int

    /// Takes what was kept.
    public init(first: [Float], second: [Float], steps: Int) {
        precondition(first.count == second.count, "as many squares as means")
        self.first = first
        self.second = second
        self.steps = steps
    }
}

/// The three losses of a batch.
struct StepLosses: Equatable {
    var coarse: Float
    var alignment: Float
    var contrast: Float

    var sum: Float { coarse + alignment + contrast }
}

/// What a step came to, before the weights changed.
public struct StepReport: Sendable {
    /// Binary cross-entropy of the C-Branch.
    public let lossCoarse: Float
    /// Cross-entropy of the A-Branch.
    public let lossMILAlign: Float
    /// The contrast loss, weighed.
    public let lossContrast: Float
    /// Their sum.
    public let loss: Float
    /// Euclidean norm of each tensor's gradient, in the published order; empty unless asked for.
    public let gradientNorms: [(name: String, norm: Float)]

    init(losses: StepLosses, gradientNorms: [(name: String, norm: Float)]) {
        (lossCoarse, lossMILAlign, lossContrast) = (losses.coarse, losses.alignment, losses.contrast)
        loss = losses.sum
        self.gradientNorms = gradientNorms
    }
}

extension TrainingSettings {
    /// Whether a tensor has a gradient: sigma has none, nor has what an ablation leaves out, and AdamW leaves both alone.
    func trains(_ name: String) -> Bool {
        func begins(_ prefixes: String...) -> Bool { prefixes.contains { name.begins(with: $0) } }
        if name == ParameterLayout.sigma { return false }
        if without.contains(.local), begins("temporal.") { return false }
        if without.contains(.global), begins("gc") { return false }
        if without.contains(.similarity), begins("gc1.", "gc2.") { return false }
        if without.contains(.distance), begins("gc3.", "gc4.") { return false }
        if without.contains(.alignment), begins("mlp1.") { return false }
        let hasPrompt = !without.contains(.alignment) && !without.contains(.learnablePrompt)
        return name != ParameterLayout.prompt || hasPrompt
    }
}
