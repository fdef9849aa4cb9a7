import Platform
import Tensors
import TestSupport
import VadCLIP

@testable import Training

/// A training of any small shape, whose text features are rows of the prompt: no text tower is needed.
struct SmallTraining {
    var settings: TrainingSettings
    let layout: ParameterLayout
    let start: Parameters

    init(layers: Int = 2, window: Int = 5, length: Int = 14, without: Set<Ablation> = [], seed: UInt64 = 1) {
        settings = TrainingSettings(
            model: ModelConfiguration(
                width: 16, length: length, layers: layers, window: window, labels: ["normal", "fire", "riot"]))
        settings.without = without
        layout = ParameterLayout(settings.model, context: 4, textWidth: 16)
        var random = SeededRandom(seed: seed)
        var values: [Float] = []
        for tensor in layout.tensors {
            let isGain = tensor.name.hasSuffix("ln_1.weight") || tensor.name.hasSuffix("ln_2.weight")
            let inputs = tensor.shape.count == 1 ? 100 : tensor.shape.dropFirst().reduce(1, *)
            // Rows of the distance graph are sums of several, and scores near 0 or 1 have no slope in single precision.
            let gain: Float = ["gc3.weight", "gc4.weight", "classifier.weight"].contains(tensor.name) ? 0.4 : 1.7
            let scale = tensor.name == ParameterLayout.prompt ? 1 : gain / Float(inputs).squareRoot()
            values += random.floats(tensor.range.count, scale: scale).map { isGain ? 1 + $0 : $0 }
        }
        start = Parameters(layout: layout, values: values)
    }

    func trainer(threads: Int = 1, kernels: Kernels = .available[0]) throws -> Trainer {
        let isLearned = !settings.without.contains(.learnablePrompt)
        return try Trainer(
            settings: settings, parameters: start,
            text: PromptRows(classes: settings.model.labels.count, isLearned: isLearned), kernels: kernels,
            crew: TaskCrew(threads: threads, name: "vigil-training"))
    }

    /// Videos of several lengths, of all classes and of two at once.
    func samples(_ count: Int, seed: UInt64 = 7) -> [Sample] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { index in
            let rows = [settings.model.length, 3, 1, 2 * settings.model.length + 5, settings.model.length - 1][
                index % 5]
            let common = random.floats(16)
            let values = (0..<rows).flatMap { _ in zip(common, random.floats(16, scale: 0.7)).map { $0 + $1 } }
            return Sample(
                features: Matrix(rows: rows, columns: 16, values: values),
                classes: [[0], [1], [2], [1, 2]][index % 4],
                model: settings.model)
        }
    }
}

/// The first rows of the prompt as text features; as they were at first where they are not learned.
final class PromptRows: PromptedText {
    private let classes: Int
    private let isLearned: Bool
    private var kept: Matrix?

    init(classes: Int, isLearned: Bool) {
        self.classes = classes
        self.isLearned = isLearned
    }

    func features(prompt: MatrixView) -> Matrix {
        if let kept, !isLearned { return kept }
        let features = prompt.rows(0..<classes).matrix
        kept = features
        return features
    }

    func backward(_ gradient: Matrix, to prompt: MatrixView) {
        if isLearned { prompt.rows(0..<classes).add(gradient.values[...]) }
    }
}
