import Dispatch
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Tensors
@testable import VadCLIP

@Suite("A chunk that two threads share", .timeLimit(.minutes(2)))
struct SharedChunkTests {
    /// Scores with a thread that lends itself again and again.
    private func together(_ model: Model, _ features: Matrix) -> Logits {
        let (second, isOver) = (LentThread(), Flag())
        let scorer = Scorer(model: model, second: second)
        let gone = DispatchSemaphore(value: 0)
        _ = OwnThread.run(stackBytes: 1 << 20) {
            while !isOver.isSet { if second.lend(while: { !isOver.isSet }) == .refused { sched_yield() } }
            gone.signal()
        }
        second.open()
        while !second.isThere { sched_yield() }
        let logits = scorer.logits(of: features)
        second.close()
        isOver.set()
        gone.wait()
        return logits
    }

    private final class Flag: Sendable {
        private let value = Atomic(false)
        var isSet: Bool { value.load(ordering: .relaxed) }
        func set() { value.store(true, ordering: .relaxed) }
    }

    @Test("has the same bits as that of one, in each arithmetic and of each family", arguments: Compute.allCases)
    func sameBits(compute: Compute) throws {
        for family in ModelFamily.all {
            let kind = try #require(family.presets.first).kind
            for window in [8, 64] {
                let source = RandomModel(width: 64, length: 256, layers: 2, window: window, kind: kind, seed: 9)
                let model = try source.model(Kernels.available[0].computing(compute))
                for rows in [1, 8, 30, 63, 100, 192, 201, 256, 300] {
                    let features = source.features(rows, seed: UInt64(rows))
                    let alone = Scorer(model: model).logits(of: features)
                    #expect(together(model, features) == alone, "\(family.name), windows of \(window), T \(rows)")
                }
            }
        }
    }
}
