import Tensors
import VadCLIP

@testable import Training

/// Something that learns by rules that are easy to follow and depend on all that a run's state has to keep: its weights, its
/// moments, the batch and the rate.
final class FakeLearner: Learner {
    static let model = ModelConfiguration(width: 4, length: 8, layers: 1, window: 4, labels: ["normal", "fall"])
    static let layout = ParameterLayout(model, context: 3, textWidth: 2)

    var parameters = Parameters(layout: layout, values: (0..<layout.count).map { Float($0 % 7) })
    var optimizer = OptimizerState(
        first: [Float](repeating: 0, count: layout.count), second: [Float](repeating: 1, count: layout.count), steps: 0)
    /// The batches, by their samples' first values.
    private(set) var batches: [[Float]] = []
    private(set) var rates: [Float] = []
    /// Diverges in this step.
    var diverges: Int?

    func step(_ samples: [Sample], learningRate: Float, norms: Bool) throws(TrainingError) -> StepReport {
        optimizer.steps += 1
        if optimizer.steps == diverges { throw .diverged(step: optimizer.steps, what: "the loss", cause: .rate) }
        let batch = samples.map { $0.features[0, 0] }
        batches.append(batch)
        rates.append(learningRate)
        let mean = batch.enumerated().reduce(Float(0)) { $0 + $1.element * Float($1.offset + 1) } / Float(batch.count)
        for index in optimizer.first.indices {
            optimizer.first[index] = 0.9 * optimizer.first[index] + 0.1 * (mean - parameters.values[index])
            optimizer.second[index] += mean * mean
            parameters.values[index] += learningRate * optimizer.first[index] / optimizer.second[index].squareRoot()
        }
        return StepReport(losses: StepLosses(coarse: mean, alignment: 1, contrast: 0), gradientNorms: [])
    }

    /// A row's sample: its number is its first value.
    static func sample(_ row: Int) -> Sample {
        Sample(
            features: Matrix(rows: 1, columns: 4, values: [Float(row), 1, 2, 3]), classes: [row % 2], model: model)
    }
}
