import Tensors
import TestSupport
import Testing

@testable import VadCLIP

@Suite("What need not be computed")
struct PaddingTests {
    /// Logits of a video with every row of every chunk computed.
    private func plain(_ model: Model, _ features: Matrix) -> Logits {
        let scorer = ChunkScorer(
            network: model.network, configuration: model.configuration, tail: nil, in: ChunkScratch(for: model))
        var logits = Logits(snippets: features.rows, classes: model.classes.labels.count)
        let chunks = Chunks(snippets: features.rows, length: model.configuration.length)
        for chunk in 0..<chunks.count {
            let range = chunks[chunk]
            scorer.score(
                features.values[range.lowerBound * features.columns..<range.upperBound * features.columns],
                classes: model.classes, coarse: &logits.coarse, fine: &logits.fine, offset: range.lowerBound)
        }
        return logits
    }

    @Test(
        "leaving padding out gives the scores of computing it, for any length",
        arguments: [(256, 8, 2), (256, 64, 1), (200, 24, 1), (130, 7, 2), (64, 100, 1), (256, 8, 0)])
    func shortcut(length: Int, window: Int, layers: Int) throws {
        for family in ModelFamily.all { try shortcut(length: length, window: window, layers: layers, family) }
    }

    private func shortcut(length: Int, window: Int, layers: Int, _ family: ModelFamily) throws {
        let kind = try #require(family.presets.first).kind
        let source = RandomModel(width: 32, length: length, layers: layers, window: window, kind: kind, seed: 5)
        let model = try source.model(.available[0])
        var random = SeededRandom(seed: UInt64(length * window))
        let lengths = [1, 2, window, window + 1, length - 1, length, length + 1]
        for rows in lengths + (0..<12).map({ _ in Int.random(in: 1...600, using: &random) }) where rows > 0 {
            let features = source.features(rows, seed: UInt64(rows))
            let short = Scorer(model: model).logits(of: features)
            let long = plain(model, features)
            expectClose(short.coarse, long.coarse, within: 1e-4, "T \(rows), coarse")
            expectClose(short.fine, long.fine, within: 1e-4, "T \(rows), fine")
        }
    }

    @Test("only whole windows with a snippet, and a margin behind them, are computed")
    func extent() {
        let configuration = ModelConfiguration(width: 2, length: 256, layers: 1, window: 8, labels: ["a", "b"])
        func rows(_ valid: Int) -> [Int] {
            let extent = ChunkExtent(needed: configuration, valid: valid)
            return [extent.local, extent.rest]
        }
        #expect(rows(1) == [8, 56])
        #expect(rows(30) == [32, 80])
        #expect(rows(208) == [208, 256])
        #expect(rows(256) == [256, 256])
    }

    @Test(
        "a chunk is scored the same whatever was scored before it with the same scratch memory",
        arguments: ModelFamily.all.map(\.name))
    func noMemory(family: String) throws {
        let kind = try #require(ModelFamily.named(family)?.presets.first).kind
        let source = RandomModel(width: 32, length: 128, layers: 2, window: 8, kind: kind, seed: 6)
        let model = try source.model(.available[0])
        let used = Scorer(model: model)
        for rows in [128, 1, 40, 300, 7, 128, 60] {
            let features = source.features(rows, seed: 1_000 + UInt64(rows))
            #expect(used.logits(of: features) == Scorer(model: model).logits(of: features), "T \(rows)")
        }
    }

    @Test("models of one shape are scored the same in one scratch memory as each in its own, whatever their families")
    func sharedMemory() throws {
        let models = try ModelFamily.all.enumerated().flatMap { number, family in
            let kind = try #require(family.presets.first).kind
            return try (0..<2).map { seed in
                let seed = UInt64(10 * number + seed)
                let source = RandomModel(
                    width: 32, length: 128, layers: 1 + number % 2, window: 8, kind: kind, seed: seed)
                return (source, try source.model(.available[0]))
            }
        }
        let scratch = ChunkScratch(for: models[0].1)
        for rows in [128, 1, 40, 7, 60] {
            for (source, model) in models {
                #expect(ChunkScratch.Shape(of: model) == ChunkScratch.Shape(of: models[0].1))
                let features = source.features(rows, seed: 2_000 + UInt64(rows))
                func logits(_ scorer: ChunkScorer) -> [[Float]] {
                    let classes = model.classes
                    var (coarse, fine) = (
                        [Float](repeating: 0, count: rows), [Float](repeating: 0, count: rows * classes.labels.count)
                    )
                    scorer.score(features.values[...], classes: classes, coarse: &coarse, fine: &fine, offset: 0)
                    return [coarse, fine]
                }
                #expect(
                    logits(ChunkScorer(model: model, in: scratch)) == logits(ChunkScorer(model: model)),
                    "T \(rows), \(model.info.name)")
            }
        }
        for (length, width, window, compute) in [
            (64, 32, 8, Compute.float32), (128, 64, 8, .float32), (128, 32, 4, .float32), (128, 32, 8, .int8),
        ] {
            let source = RandomModel(width: width, length: length, layers: 1, window: window, seed: 1)
            let other = try source.model(Kernels.available[0].computing(compute))
            #expect(ChunkScratch.Shape(of: other) != scratch.shape)
        }
    }
}
