import TestSupport
import Testing

@testable import Jobs

@Suite("A sorted deque")
struct SortedDequeTests {
    @Test("is the sorted set of what was put in and not taken out", arguments: 1...4 as ClosedRange<UInt64>)
    func random(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var deque = SortedDeque<Int>()
        var model: Set<Int> = []
        for _ in 0..<500 {
            let number = Int.random(in: 0..<60, using: &random)
            if Bool.random(using: &random), !model.contains(number) {
                deque.insert(number)
                model.insert(number)
            } else {
                let wasThere = deque.remove(number)
                #expect(wasThere == (model.remove(number) != nil))
            }
            #expect(Array(deque.elements) == model.sorted())
            #expect(deque.contains(number) == model.contains(number))
            #expect(deque.rank(of: number) == model.count { $0 < number })
            #expect(deque.first == model.min() && deque.count == model.count && deque.isEmpty == model.isEmpty)
        }
    }
}
