import CLIP
import Formats
import Platform
import Tensors
import VadCLIP

/// How a small image tower is trained.
public struct TowerSettings: Sendable, Equatable {
    /// The tower: of one head.
    public var tower: ImageTower.Configuration
    /// Things that can be seen.
    public var sights: Int
    /// Steps.
    public var steps = 2_000
    /// Pictures of a step.
    public var batch = 64
    /// The highest rate, which it has after a twentieth of the steps and from which it falls to nothing.
    public var rate: Float = 2e-3
    /// Of the weights at the beginning.
    public var seed: UInt64

    /// Settings with the values above.
    public init(tower: ImageTower.Configuration, sights: Int, seed: UInt64) {
        (self.tower, self.sights, self.seed) = (tower, sights, seed)
    }

    /// The rate of a step, from 1 on.
    func rate(of step: Int) -> Float {
        let rise = max(steps / 20, 1)
        return rate * min(Float(step) / Float(rise), Float(steps - step + 1) / Float(max(steps - rise, 1)), 1)
    }
}

/// Trains a small image tower to tell what is to be seen in single pictures, as CLIP's learned it from captions.
///
/// The same settings and examples give the same bits on the same kernels, whatever the number of threads.
public final class TowerTrainer {
    private let settings: TowerSettings
    let memory: TrainedMemory
    private let network: TowerNetwork
    private let crew: TaskCrew

    /// - Parameters:
    ///   - settings: what can be chosen
    ///   - kernels: those that compute
    ///   - threads: that compute, the caller's among them
    public init(_ settings: TowerSettings, kernels: Kernels, threads: Int) {
        self.settings = settings
        crew = TaskCrew(threads: threads, name: "vigil-tower")
        let layout = TowerNetwork.layout(settings.tower, sights: settings.sights)
        memory = TrainedMemory(layout: layout, kernels: kernels)
        network = TowerNetwork(settings.tower, sights: settings.sights, in: memory, crew: crew)
        memory.weights.copy(from: Self.start(layout, seed: settings.seed)[...])
    }

    /// LayerNorms of 1 and 0, biases of 0, weights uniform within 1 / √inputs.
    private static func start(_ layout: ParameterLayout, seed: UInt64) -> [Float] {
        var random = SplitMix64(state: seed)
        return layout.tensors.flatMap { tensor -> [Float] in
            let count = tensor.range.count
            if tensor.shape.count == 1, !tensor.name.hasBytes(of: ImageTower.Names.token) {
                return [Float](repeating: tensor.name.ends(with: ".weight") ? 1 : 0, count: count)
            }
            let isInputMajor = tensor.name.hasBytes(of: ImageTower.Names.projection)
            let inputs =
                tensor.shape.count == 1 || tensor.name.hasBytes(of: ImageTower.Names.positions)
                ? 25 : isInputMajor ? tensor.shape[0] : tensor.shape.dropFirst().reduce(1, *)
            let bound = 1 / Float(inputs).squareRoot()
            return (0..<count).map { _ in bound * Float(2 * random.unit() - 1) }
        }
    }

    /// All steps.
    ///
    /// - Parameters:
    ///   - examples: makes the example of a number; called by several threads at once
    ///   - progress: told of each step, from 1 on, and its loss
    public func train(
        examples: @escaping @Sendable (Int) -> TowerExample, progress: (_ step: Int, _ loss: Double) -> Void
    ) throws(TrainingError) {
        let batch = settings.batch
        for step in 1...settings.steps {
            let made = Monitor([TowerExample?](repeating: nil, count: batch))
            crew.run(batch) { index, _ in
                let example = examples((step - 1) * batch + index)
                made.withLock { $0[index] = example }
            }
            let loss = differentiate(made.withLock { $0.compactMap(\.self) })
            guard loss.isFinite else { throw .diverged(step: step, what: "the loss", cause: .rate) }
            memory.kernels.update(
                memory.weights, gradient: memory.gradients, first: memory.first, second: memory.second, by: AdamW(),
                step: step, rate: settings.rate(of: step))
            progress(step, loss)
        }
    }

    /// The loss of examples, and the gradients of all weights by it.
    func differentiate(_ examples: [TowerExample]) -> Double {
        network.prepare()
        memory.gradients.fill(0)
        return network.learn(examples)
    }

    /// Features of a few pictures by the weights as they are now.
    func features(of squares: [[UInt8]]) -> Matrix {
        network.prepare()
        return network.features(of: squares)
    }

    /// What features are multiplied with in the end: about as long as CLIP's of this width, and no digit changes.
    static let length: Float = 0.25

    /// The tower's tensors as they are now, under CLIP's names.
    public var tensors: [SafetensorsWriter.Tensor] {
        var values = memory.weights.values()
        for tensor in memory.layout.tensors where tensor.name.hasBytes(of: ImageTower.Names.projection) {
            for index in tensor.range { values[index] *= Self.length }
        }
        return memory.layout.tensors.dropLast(2).map { tensor in
            SafetensorsWriter.Tensor(name: tensor.name, shape: tensor.shape) { Array(values[tensor.range]) }
        }
    }
}
