import Testing
import Training

@Suite("An epoch's order")
struct EpochOrderTests {
    private static let isNormal = (0..<50).map { $0 % 3 == 0 }

    private func order(
        _ batching: RunSettings.Batching, batch: Int, seed: UInt64 = 1, epoch: Int = 0
    ) -> EpochOrder {
        EpochOrder(isNormal: Self.isNormal, batching: batching, batch: batch, seed: seed, epoch: epoch)
    }

    @Test(
        "paired: each step has a whole batch of normal rows, then one of abnormal rows, and the shorter ends the epoch")
    func paired() {
        let order = order(.paired, batch: 4)
        // 17 normal rows make 4 batches, 33 abnormal ones would make 8.
        #expect(order.steps.count == 4)
        for step in order.steps {
            #expect(step.count == 8)
            #expect(step.prefix(4).allSatisfy { Self.isNormal[$0] })
            #expect(step.suffix(4).allSatisfy { !Self.isNormal[$0] })
        }
        let rows = order.steps.flatMap { $0 }
        #expect(Set(rows).count == rows.count, "no row twice")
    }

    @Test("shuffled: each row once, the last batch short")
    func shuffled() {
        let order = order(.shuffled, batch: 16)
        #expect(order.steps.map(\.count) == [16, 16, 16, 2])
        #expect(order.steps.flatMap { $0 }.sorted() == Array(0..<50))
        #expect(order.samples == 50)
    }

    @Test("the same seed and epoch give the same order, others give another", arguments: RunSettings.Batching.allCases)
    func seeded(batching: RunSettings.Batching) {
        let first = order(batching, batch: 4)
        #expect(order(batching, batch: 4) == first)
        #expect(order(batching, batch: 4, seed: 2) != first)
        #expect(order(batching, batch: 4, epoch: 1) != first)
    }

    @Test("an order is what it was when runs of old seeds were made")
    func pinned() {
        let order = EpochOrder(
            isNormal: [Bool](repeating: false, count: 8), batching: .shuffled, batch: 8, seed: 234, epoch: 3)
        #expect(order.steps == [[0, 4, 1, 2, 6, 7, 3, 5]])
    }

    @Test("too few rows of a kind make no step")
    func tooFew() {
        #expect(order(.paired, batch: 18).steps.isEmpty)
    }
}
