import TestSupport
import Testing

@testable import Jobs

@Suite("Job IDs are ULIDs")
struct JobIDTests {
    @Test("every ID is read back from its text")
    func roundTrip() {
        var random = SeededRandom(seed: 11)
        for _ in 0..<1_000 {
            let id = JobID(
                milliseconds: random.next() >> 16, randomHigh: random.next(), randomLow: random.next())
            #expect(id.description.utf8.count == 26)
            #expect(JobID(id.description) == id)
        }
    }

    @Test("text sorts like IDs")
    func textOrder() {
        var random = SeededRandom(seed: 12)
        for _ in 0..<1_000 {
            let ids = (0..<2).map { _ in
                JobID(milliseconds: random.next() >> 62, randomHigh: random.next(), randomLow: random.next())
            }
            #expect((ids[0] < ids[1]) == (ids[0].description < ids[1].description))
        }
    }

    @Test("the time comes first, the largest ID is 7ZZZ…")
    func layout() {
        let id = JobID(milliseconds: 1_469_918_176_385, randomHigh: 0, randomLow: 1)
        #expect(id.description == "01ARYZ6S410000000000000001")
        #expect(id.madeAt == WallTime(milliseconds: 1_469_918_176_385))
        let last = JobID(milliseconds: (1 << 48) - 1, randomHigh: .max, randomLow: .max)
        #expect(last.description == "7ZZZZZZZZZZZZZZZZZZZZZZZZZ")
    }

    @Test(
        "any other spelling is refused",
        arguments: [
            "", "0", "01ARYZ6S41000000000000000", "01ARYZ6S4100000000000000011", "01aryz6s410000000000000001",
            "01ARYZ6S41000000000000000I", "01ARYZ6S41000000000000000L", "01ARYZ6S41000000000000000O",
            "01ARYZ6S41000000000000000U", "80000000000000000000000000", "01ARYZ6S41 00000000000001",
            "01ARYZ6S4100000000000000é", "01ARYZ6S41000000000000000\0",
        ])
    func refused(text: String) {
        #expect(JobID(text) == nil)
    }

    @Test("IDs grow within a millisecond, and when the clock goes back")
    func monotonic() {
        var random = SeededRandom(seed: 13)
        var generator = JobIDGenerator()
        var last = generator.next(at: WallTime(milliseconds: 1_000), using: &random)
        for time: Int64 in [1_000, 1_000, 1_001, 900, -5, 1_001, 1_002, .max, .max] {
            let next = generator.next(at: WallTime(milliseconds: time), using: &random)
            #expect(last < next, "at \(time)")
            last = next
        }
    }

    @Test("when a millisecond's random bits are used up, the next one is begun")
    func overflow() {
        var random = Constant(value: .max)
        var generator = JobIDGenerator()
        let last = generator.next(at: WallTime(milliseconds: 5), using: &random)
        let next = generator.next(at: WallTime(milliseconds: 5), using: &random)
        #expect(last.madeAt == WallTime(milliseconds: 5))
        #expect(next.madeAt == WallTime(milliseconds: 6))
    }

    private struct Constant: RandomNumberGenerator {
        let value: UInt64
        func next() -> UInt64 { value }
    }
}
