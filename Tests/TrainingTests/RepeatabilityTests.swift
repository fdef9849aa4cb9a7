import Tensors
import TestSupport
import Testing
import VadCLIP

@testable import Training

/// The same start and the same batches give the same bits.
@Suite("A training is repeatable bit for bit")
struct RepeatabilityTests {
    private func run(_ training: SmallTraining, threads: Int, steps: Int) throws -> (Parameters, [Float]) {
        let trainer = try training.trainer(threads: threads)
        let losses = try (0..<steps).map { step in
            try trainer.step(training.samples(20, seed: UInt64(step)), learningRate: 1e-3).loss
        }
        return (trainer.parameters, losses)
    }

    @Test("whatever the number of threads", arguments: [2, 3, 7])
    func threads(count: Int) throws {
        let training = SmallTraining()
        let (one, many) = (try run(training, threads: 1, steps: 3), try run(training, threads: count, steps: 3))
        #expect(one.0 == many.0)
        #expect(one.1 == many.1)
        #expect(one.0 != training.start)
    }

    @Test("where it goes on from kept weights, moments and steps")
    func resumed() throws {
        let training = SmallTraining()
        let (whole, _) = try run(training, threads: 2, steps: 4)
        let first = try training.trainer()
        for step in 0..<2 { _ = try first.step(training.samples(20, seed: UInt64(step)), learningRate: 1e-3) }
        let second = try training.trainer()
        second.parameters = first.parameters
        second.optimizer = first.optimizer
        for step in 2..<4 { _ = try second.step(training.samples(20, seed: UInt64(step)), learningRate: 1e-3) }
        #expect(second.parameters == whole)
        #expect(second.optimizer.steps == 4)
    }

    @Test("and looking at logits between steps changes nothing")
    func evaluated() throws {
        let training = SmallTraining()
        let (whole, _) = try run(training, threads: 2, steps: 2)
        let trainer = try training.trainer()
        for step in 0..<2 {
            _ = trainer.logits(of: training.samples(3).map(\.features))
            _ = try trainer.step(training.samples(20, seed: UInt64(step)), learningRate: 1e-3)
        }
        #expect(trainer.parameters == whole)
    }

    @Test("weights that AdamW leaves alone stay as they were: sigma, and what an ablation leaves out")
    func leftAlone() throws {
        let training = SmallTraining(without: [.distance])
        let (after, _) = try run(training, threads: 1, steps: 1)
        for tensor in training.layout.tensors {
            let isSame = after.values[tensor.range] == training.start.values[tensor.range]
            #expect(isSame == !training.settings.trains(tensor.name), "\(tensor.name)")
        }
    }

    @Test("the memory that a step takes is known before it", arguments: [(1, 40), (2, 300), (3, 17)])
    func memory(layers: Int, length: Int) throws {
        let training = SmallTraining(layers: layers, length: length)
        let trainer = try training.trainer(threads: 2)
        _ = try trainer.step(training.samples(2), learningRate: 1e-3)
        let model = training.settings.model
        // Beside it there are scratch memory of products, as large for any model, and rows of classes.
        let scratch = 2 * KernelsScratch.count
        let told = Group.floats(
            width: model.width, length: length, layers: layers, classes: model.labels.count, threads: 2)
        let found = trainer.network.reserved - scratch
        #expect(abs(Double(found - told)) < 0.15 * Double(found), "\(found) and \(told)")
        #expect(TrainingMemory.network(training.settings, threads: 2) > 4 * told)
    }

    @Test("a loss that is not a number ends it, by the step")
    func divergence() throws {
        let training = SmallTraining()
        let trainer = try training.trainer()
        var broken = training.start
        broken.values[0] = .nan
        trainer.parameters = broken
        #expect(throws: TrainingError.diverged(step: 1, what: "the loss", cause: .start)) {
            try trainer.step(training.samples(4), learningRate: 1e-3)
        }
    }

    @Test("the rate is blamed where steps were made before it")
    func divergedByRate() throws {
        let training = SmallTraining()
        let trainer = try training.trainer()
        let error = failure(of: TrainingError.self) {
            for _ in 0..<20 { _ = try trainer.step(training.samples(4), learningRate: 1e30) }
        }
        guard case .diverged(let step, _, let cause)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(step > 1 && cause == .rate)
    }

    @Test("features like nothing that CLIP makes are blamed by their file")
    func divergedByFeatures() throws {
        let training = SmallTraining()
        let model = training.settings.model
        let huge = Sample(
            features: Matrix(rows: 2, columns: 16, values: [Float](repeating: -3e38, count: 32)), classes: [1],
            model: model, source: "huge.npy")
        let error = failure(of: TrainingError.self) {
            _ = try training.trainer().step(training.samples(3) + [huge], learningRate: 1e-3)
        }
        #expect(error?.description.contains("the features of huge.npy have values up to 3e+38") == true)
    }
}

/// What is trained is what is served.
@Suite("Logits with the weights of a training")
struct TrainedLogitsTests {
    @Test("are those of the serving network with the same weights")
    func served() throws {
        let training = SmallTraining(length: 60)
        let trainer = try training.trainer(threads: 2)
        let classes = try ClassFeatures(labels: training.settings.model.labels, features: trainer.textFeatures())
        let model = try Model(
            info: ModelInfo(name: "", trained: true, digest: .init(known: ""), sourceSHA256: "", parameters: 0),
            configuration: training.settings.model, classes: classes, weights: training.start,
            in: Preparation(kernels: .available[0]))
        var random = SeededRandom(seed: 4)
        let videos = [1, 59, 60, 61, 300, 7].map { rows in
            Matrix(rows: rows, columns: 16, values: random.floats(rows * 16))
        }
        let found = trainer.logits(of: videos)
        for (video, logits) in zip(videos, found) {
            let served = Scorer(model: model).logits(of: video)
            #expect(logits.snippets == video.rows)
            let differences = zip(served.coarse + served.fine, logits.coarse + logits.fine).map { abs($0 - $1) }
            #expect((differences.max() ?? 1) < 2e-4, "\(video.rows) snippets")
        }
    }
}

/// Numbers in the scratch memory of a thread's products.
private enum KernelsScratch {
    static var count: Int {
        let workspace = Workspace()
        _ = Kernels.available[0].productScratch(in: workspace)
        return workspace.count
    }
}
