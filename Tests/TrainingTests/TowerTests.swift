import CLIP
import Formats
import Platform
import Tensors
import TestSupport
import Testing
import VadCLIP

@testable import Training

@Suite("A small image tower that learns")
struct TowerTests {
    private static let tower = ImageTower.Configuration(width: 64, outputWidth: 8, layers: 2, patch: 4, grid: 2)

    private func trainer(threads: Int = 1) -> TowerTrainer {
        var settings = TowerSettings(tower: Self.tower, sights: 2, seed: 5)
        settings.steps = 30
        settings.batch = 20
        return TowerTrainer(settings, kernels: .available[0], threads: threads)
    }

    /// Noise, in half of the pictures with a bright corner, in a third of them reddish.
    private static func example(_ number: Int) -> TowerExample {
        var random = SplitMix64(state: UInt64(number))
        var square = (0..<3 * 8 * 8).map { _ in UInt8(random.index(below: 120)) }
        if number % 2 == 1 { for at in 0..<12 { square[at] = 250 } }
        if number % 3 == 1 { for at in stride(from: 96, to: 192, by: 3) { square[at] += 120 } }
        return TowerExample(square: square, sights: [number % 2 == 1 ? 1 : 0, number % 3 == 1 ? 1 : 0])
    }

    @Test("each tensor's gradient is the slope of the loss along it")
    func gradients() throws {
        let trainer = trainer()
        let examples = (0..<20).map(Self.example)
        _ = trainer.differentiate(examples)
        let (start, slopes) = (trainer.memory.weights.values(), trainer.memory.gradients.values())
        for tensor in trainer.memory.layout.tensors {
            let own = Array(slopes[tensor.range])
            let length = own.reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
            let step: Float = 0.02
            func loss(_ side: Float) -> Double {
                var moved = start
                for (index, slope) in zip(tensor.range, own) { moved[index] += side * step * slope / length }
                trainer.memory.weights.copy(from: moved[...])
                return trainer.differentiate(examples)
            }
            // The key's bias has none, and nothing but rounding is seen of it.
            let found = (loss(1) - loss(-1)) / Double(2 * step)
            #expect(length > 1e-5 && abs(found / Double(length) - 1) < 0.03, "\(tensor.name): \(found), \(length)")
        }
    }

    @Test("what it has learned is the tower that CLIP's readers read: the same features of the same pictures")
    func isCLIPs() throws {
        let trainer = trainer()
        try trainer.train(examples: Self.example) { _, _ in }
        let folder = try ScratchFolder()
        let path = folder.path + "/tower.safetensors"
        try SafetensorsWriter(tensors: trainer.tensors).write(to: path)
        let source = try ImageSource(file: MappedFile(path: path))
        #expect(source.configuration == Self.tower)
        let tower = try ImageTower(
            from: source, configuration: source.configuration, in: Preparation(kernels: .available[0]))
        let squares = (0..<5).map { Self.example($0).square }
        let read = tower.encode(squares, with: ImageScratch(for: tower, images: 5))
        let own = trainer.features(of: squares)
        #expect(zip(read.values, own.values).allSatisfy { abs($0 - TowerTrainer.length * $1) < 1e-4 })
        #expect(own.values.contains { abs($0) > 0.1 })
    }

    @Test("the same settings give the same bits by any number of threads, and it gets better")
    func repeatable() throws {
        let (one, three) = (trainer(), trainer(threads: 3))
        var losses: [Double] = []
        try one.train(examples: Self.example) { _, loss in losses.append(loss) }
        try three.train(examples: Self.example) { _, _ in }
        #expect(one.memory.weights.values() == three.memory.weights.values())
        #expect(losses.count == 30)
        let (first, last) = (losses.prefix(5).reduce(0, +), losses.suffix(5).reduce(0, +))
        #expect(last < first / 2, "\(losses)")
    }
}
