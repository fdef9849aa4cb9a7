import CLIP
import Foundation
import JSON
import Platform
import Tensors
import TestSupport
import Testing
import VadCLIP

@testable import Training

/// Three steps on the tiny model against those of the published losses in PyTorch.
@Suite("Parity of training with the published code", .enabled(if: Paths.hasGolden, "needs ../shared and numpy"))
struct GoldenStepTests {
    @Test(
        "losses, gradients and weights of three steps are those of PyTorch, with every instruction set of this processor",
        arguments: Kernels.available.map(\.name))
    func threeSteps(kernels: String) throws {
        let golden = try GoldenTraining()
        let trainer = try golden.trainer(threads: 2, kernels: try .named(kernels))
        let before = trainer.parameters
        for (index, step) in golden.steps.enumerated() {
            let report = try trainer.step(try step.samples(), learningRate: golden.rate, norms: true)
            #expect(abs(report.lossCoarse - step.lossCoarse) < 1e-4, "coarse loss of step \(index)")
            #expect(abs(report.lossMILAlign - step.lossMILAlign) < 1e-4, "MIL-Align loss of step \(index)")
            #expect(abs(report.lossContrast - step.lossContrast) < 1e-4, "contrast loss of step \(index)")
            #expect(report.gradientNorms.map(\.name) == step.norms.map(\.name))
            if index > 0 { continue }
            for (name, norm) in report.gradientNorms {
                let expected = try #require(step.norm(name))
                #expect(abs(norm - expected) < 1e-3 * expected, "\(name): norm \(norm), PyTorch has \(expected)")
            }
            try golden.compare(trainer.gradients)
        }
        let after = trainer.parameters.norms
        for (name, expected) in golden.normsAfter {
            let norm = try #require(Self.norm(name, of: after))
            // The gradient of a key's bias is 0; PyTorch has 1e-9 of rounding there, which Adam makes steps of.
            let tolerance: Float = name.hasSuffix("in_proj_bias") ? 1e-3 : 1e-4
            #expect(abs(norm - expected) < tolerance * expected, "\(name): \(norm), PyTorch has \(expected)")
        }
        #expect(before != trainer.parameters)
    }

    @Test(
        "with the hand-written prompt text features are constant, others than the learned one's, and the rest is trained"
    )
    func handWritten() throws {
        let golden = try GoldenTraining()
        let learned = try golden.trainer(threads: 2).textFeatures()
        let trainer = try golden.trainer(threads: 2, without: [.learnablePrompt])
        let (before, start) = (trainer.textFeatures(), trainer.parameters)
        _ = try trainer.step(try golden.steps[0].samples(), learningRate: golden.rate)
        #expect(trainer.textFeatures() == before && before != learned)
        let after = trainer.parameters
        for tensor in start.layout.tensors {
            let isSame = start.values[tensor.range] == after.values[tensor.range]
            #expect(isSame == !trainer.settings.trains(tensor.name), "\(tensor.name)")
        }
        #expect(!trainer.settings.trains(ParameterLayout.prompt))
    }

    private static func norm(_ name: String, of norms: [(name: String, norm: Float)]) -> Float? {
        norms.first { $0.name == name }?.norm
    }
}

/// The golden case: checkpoint, batches, and what PyTorch made of them.
struct GoldenTraining {
    struct Step {
        let features: [(rows: Int, seed: Int)]
        let classes: [Int]
        let lossCoarse: Float
        let lossMILAlign: Float
        let lossContrast: Float
        let norms: [(name: String, norm: Float)]
        let model: ModelConfiguration

        func norm(_ name: String) -> Float? { norms.first { $0.name == name }?.norm }

        func samples() throws -> [Sample] {
            zip(try Golden.features(features, width: model.width), classes).map { array, label in
                Sample(
                    features: Matrix(rows: array.shape[0], columns: array.shape[1], values: array.values),
                    classes: [label], model: model)
            }
        }
    }

    let model: ModelConfiguration
    let rate: Float
    let steps: [Step]
    let normsAfter: [(name: String, norm: Float)]
    let checkpoint: CheckpointSource
    private let arrays: String

    init() throws {
        let shared = try #require(Paths.shared)
        arrays = shared + "/golden/expected/train_tiny.npz"
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: shared + "/golden/expected/train_tiny.json")))
        let json = try JSONReader.parse(bytes)
        let labels = (json["labels"]?.array ?? []).compactMap(\.string)
        let model = ModelConfiguration(width: 64, length: 32, layers: 2, window: 8, labels: labels)
        self.model = model
        rate = Float(try #require(json["lr"]?.double))
        steps = try #require(json["steps"]?.array).map { step in
            func number(_ key: String) throws -> Float { Float(try #require(step[key]?.double)) }
            func integers(_ key: String) throws -> [Int] {
                try #require(step[key]?.array).map { try #require($0.integer) }
            }
            return Step(
                features: Array(zip(try integers("lengths"), try integers("feature_seeds"))).map { ($0, $1) },
                classes: try #require(step["classes"]?.array).map { label in
                    let name = try #require(label.string)
                    return try #require(labels.firstIndex(of: name))
                },
                lossCoarse: try number("loss_coarse"), lossMILAlign: try number("loss_mil_align"),
                lossContrast: try number("loss_contrast"), norms: try Self.norms(step["grad_norm"]), model: model)
        }
        normsAfter = try Self.norms(json["weight_norm_after"])
        checkpoint = try CheckpointSource(file: MappedFile(path: try Golden.checkpoint("tiny")))
    }

    private static func norms(_ json: JSONValue?) throws -> [(name: String, norm: Float)] {
        guard case .object(let members) = json else { return [] }
        return try members.map { ($0.name, Float(try #require($0.value.double))) }
    }

    /// A trainer at the checkpoint's weights.
    func trainer(
        threads: Int, kernels: Kernels = .available[0], without: Set<Ablation> = []
    ) throws -> Trainer {
        var settings = TrainingSettings(model: model)
        settings.without = without
        let tower = try checkpoint.textTower(width: model.width, prefix: 10, postfix: 10)
        let layout = ParameterLayout(model, context: tower.context, textWidth: tower.width)
        return try Trainer(
            settings: settings, parameters: Parameters(layout: layout, from: checkpoint),
            clip: checkpoint, tower: tower,
            tokens: try LabelTokens.of(model.labels, vocabulary: nil, tower: tower),
            words: try LabelTokens.handWrittenPrompt(vocabulary: nil), kernels: kernels, threads: threads)
    }

    /// Expects each gradient to have PyTorch's length and direction.
    func compare(_ gradients: Parameters) throws {
        let expected = try Golden.arrays(arrays) { $0.hasPrefix("grad/") }
        #expect(expected.count == 46)
        for (key, array) in expected {
            let tensor = try #require(gradients.layout[String(key.dropFirst(5))])
            let (found, wanted) = (gradients.values[tensor.range], array.values)
            #expect(found.count == wanted.count)
            let difference = zip(found, wanted).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
            let length = wanted.reduce(0.0) { $0 + Double($1) * Double($1) }
            let relative = (difference / length).squareRoot()
            #expect(relative < 1e-3, "\(tensor.name) differs by \(relative) of its length")
        }
    }
}
