import Foundation
import Testing

@testable import Tensors

@Suite("A lent thread", .timeLimit(.minutes(10)))
struct LentThreadTests {
    /// Gives the other thread the time to take a part of the same operation.
    private func wait(for other: Count) {
        for _ in 0..<200 where other.now == 0 { sched_yield() }
    }

    @Test("each part is done once, whoever comes and goes meanwhile")
    func comings() {
        let second = LentThread()
        let lenders = [1, 3, 50].map { Lender(to: second, looks: $0) }
        let counts = (0..<9).map { _ in Count() }
        var (wrong, shared, rounds) = (0, 0, 0)
        while rounds < 1_000 || shared < 10 {
            if rounds % 10 == 0 { second.open() }
            let (parts, other) = (rounds % 10, Count())
            second.share(parts) { part, hand in
                counts[part].up()
                if hand == 1 { other.up() } else if part == 0, shared < 10 { wait(for: other) }
            }
            if other.now > 0 { shared += 1 }
            for part in counts.indices where counts[part].take() != (part < parts ? 1 : 0) { wrong += 1 }
            if rounds % 10 == 9 { second.close() }
            rounds += 1
        }
        if rounds % 10 != 0 { second.close() }
        for lender in lenders { lender.end() }
        #expect(wrong == 0)
    }

    @Test("what one thread made is seen by the other in the next operation, and by the calling one after the last")
    func visibility() {
        let second = LentThread()
        let lender = Lender(to: second)
        let sums = UnsafeMutableBufferPointer<Int>.allocate(capacity: 8)
        sums.initialize(repeating: 0)
        defer { sums.deallocate() }
        second.open()
        var (wrong, shared, rounds) = (0, 0, 0)
        while shared < 20 {
            let other = Count()
            // In turns from the left and from the right, so that who did a part before may be another than who does it now.
            second.share(8) { part, hand in
                let place = rounds % 2 == 0 ? part : 7 - part
                sums[place] += place + 1
                if hand == 1 { other.up() } else if part == 0 { wait(for: other) }
            }
            rounds += 1
            for place in 0..<8 where sums[place] != rounds * (place + 1) { wrong += 1 }
            if other.now > 0 { shared += 1 }
        }
        second.close()
        lender.end()
        #expect(wrong == 0)
    }

    @Test("nobody is taken where there is no work, nor a second one")
    func refusals() {
        let second = LentThread()
        #expect(second.lend { true } == .refused)
        second.open()
        let lender = Lender(to: second)
        while !second.isThere { sched_yield() }
        // It may take itself back for a moment, and this thread its place.
        while second.lend(while: { false }) != .refused {}
        second.close()
        lender.end()
        #expect(second.lend { true } == .refused)
        #expect(!second.isThere)
    }

    @Test("who is wanted elsewhere goes at once, and who waits for operations in vain goes soon")
    func leaving() {
        let second = LentThread()
        second.open()
        var looks = 0
        #expect(
            second.lend {
                looks += 1
                return looks < 5
            } == .calledAway)
        #expect(looks == 5)
        #expect(second.lend { true } == .idle, "the calling thread itself has the work, so that none comes")
        #expect(!second.isThere)
        var parts: [Int] = []
        second.share(3) { part, hand in parts.append(hand == 0 ? part : -1) }
        #expect(parts == [0, 1, 2])
        second.close()
    }
}
