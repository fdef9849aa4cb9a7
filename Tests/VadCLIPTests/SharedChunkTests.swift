import Tensors
import TestSupport
import Testing

@testable import VadCLIP

/// Does parts one after another in an order of its own, as either of two threads; now and then there is nobody to share with.
private final class Turns: PartSharing {
    private var random: SeededRandom
    private(set) var byOther = 0
    var isThere: Bool { Int.random(in: 0..<10, using: &random) > 0 }

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    func share(_ parts: Int, _ body: (_ part: Int, _ hand: Int) -> Void) {
        for part in (0..<parts).shuffled(using: &random) {
            let hand = Int.random(in: 0...1, using: &random)
            byOther += hand
            body(part, hand)
        }
    }
}

@Suite("A chunk that two threads share")
struct SharedChunkTests {
    @Test("has the same bits as that of one, in each arithmetic and of each family", arguments: Compute.allCases)
    func sameBits(compute: Compute) throws {
        for family in ModelFamily.all {
            let kind = try #require(family.presets.first).kind
            for window in [8, 64] {
                let source = RandomModel(width: 32, length: 256, layers: 2, window: window, kind: kind, seed: 9)
                let model = try source.model(Kernels.available[0].computing(compute))
                let turns = Turns(seed: UInt64(window))
                let shared = Scorer(model: model, second: turns)
                for rows in [1, 8, 30, 63, 100, 192, 201, 256, 300] {
                    let features = source.features(rows, seed: UInt64(rows))
                    let alone = Scorer(model: model).logits(of: features)
                    for _ in 0..<2 {
                        #expect(
                            shared.logits(of: features) == alone, "\(family.name), windows of \(window), T \(rows)")
                    }
                }
                #expect(turns.byOther > 100)
            }
        }
    }
}
