import Tensors
import TestSupport
import Testing
import VadCLIP

@testable import Training

/// Gradients against differences of the loss.
@Suite("Every gradient is the slope of the loss")
struct GradientTests {
    /// What the loss changes by along a tensor's own gradient is the gradient's length.
    private func check(_ training: SmallTraining, samples: [Sample], within tolerance: Float = 0.05) throws {
        let trainer = try training.trainer()
        let loss = trainer.differentiate(samples)
        #expect(loss.sum.isFinite)
        let gradients = trainer.gradients
        for tensor in training.layout.tensors {
            let slope = Parameters.norm(gradients.values[tensor.range])
            guard training.settings.trains(tensor.name) else {
                #expect(slope == 0, "\(tensor.name) has a gradient and is not trained")
                continue
            }
            // A key's bias does not change the loss, and has no part in the packed one's gradient.
            #expect(slope > 0, "\(tensor.name) has no gradient")
            let weight = max(0.5, Parameters.norm(training.start.values[tensor.range]))
            // A maximum may change hands within a distance, or a similarity fall below what counts: not within each of them.
            var found: [Float] = []
            for distance in [Float(4e-4), 1e-3, 1.5e-4, 6e-5]
            where found.allSatisfy({ abs($0 - slope) > tolerance * slope }) {
                found.append(
                    difference(
                        trainer, from: training.start, samples, tensor, along: gradients, slope: slope,
                        by: distance * weight))
            }
            let best = found.map { abs($0 - slope) / slope }.min() ?? .infinity
            #expect(best < tolerance, "\(tensor.name): slopes \(found), gradient \(slope)")
        }
    }

    private func difference(
        _ trainer: Trainer, from start: Parameters, _ samples: [Sample], _ tensor: ParameterLayout.Tensor,
        along gradients: Parameters, slope: Float, by distance: Float
    ) -> Float {
        func loss(_ distance: Float) -> Double {
            var moved = start
            for index in tensor.range { moved.values[index] += distance * gradients.values[index] / slope }
            trainer.parameters = moved
            let losses = trainer.differentiate(samples)
            return Double(losses.coarse) + Double(losses.alignment) + Double(losses.contrast)
        }
        return Float((loss(distance) - loss(-distance)) / Double(2 * distance))
    }

    @Test("of the whole network, with windows that do not divide the length")
    func wholeNetwork() throws {
        let training = SmallTraining()
        try check(training, samples: training.samples(6))
    }

    @Test("of a network with one window over all rows")
    func oneWindow() throws {
        let training = SmallTraining(layers: 1, window: 64, length: 12, seed: 3)
        try check(training, samples: training.samples(6))
    }

    @Test("of a network with a part left out, whose own weights have none", arguments: Ablation.allCases)
    func ablated(part: Ablation) throws {
        let training = SmallTraining(layers: 1, without: [part], seed: 5)
        try check(training, samples: training.samples(6))
    }

    @Test("of a network without any temporal module")
    func withoutAdapter() throws {
        let training = SmallTraining(without: [.local, .global], seed: 9)
        try check(training, samples: training.samples(6))
    }

    @Test("and a batch's are the means of its parts', however many groups it takes")
    func batches() throws {
        let training = SmallTraining(layers: 1)
        let trainer = try training.trainer(threads: 2)
        let samples = training.samples(2 * Group.most + 2)
        _ = trainer.differentiate(samples)
        let whole = trainer.gradients.values
        _ = trainer.differentiate(Array(samples[..<(Group.most + 1)]))
        let left = trainer.gradients.values
        _ = trainer.differentiate(Array(samples[(Group.most + 1)...]))
        let right = trainer.gradients.values
        // The contrast loss is the batch's once.
        let differences = whole.indices.map { abs(whole[$0] - (left[$0] + right[$0]) / 2) }
        let largest = whole.map(abs).max() ?? 0
        let worst = differences.max() ?? .infinity
        #expect(largest > 0.01 && worst < 1e-5 * max(1, largest), "\(worst) of \(largest)")
    }
}
