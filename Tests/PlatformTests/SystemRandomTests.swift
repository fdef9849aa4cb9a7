import Platform
import Testing

@Suite("The system's random numbers")
struct SystemRandomTests {
    @Test("none comes twice, in one generator or in two")
    func different() {
        var (first, second) = (SystemRandom(), SystemRandom())
        var seen: Set<UInt64> = []
        for _ in 0..<1_000 {
            #expect(seen.insert(first.next()).inserted)
            #expect(seen.insert(second.next()).inserted)
        }
    }

    @Test("each bit is set in about half of them")
    func bits() {
        var random = SystemRandom()
        var counts = [Int](repeating: 0, count: 64)
        for _ in 0..<10_000 {
            let number = random.next()
            for bit in 0..<64 where number >> UInt64(bit) & 1 == 1 { counts[bit] += 1 }
        }
        // Eight standard deviations.
        #expect(counts.allSatisfy { abs($0 - 5_000) < 400 }, "\(counts)")
    }
}
