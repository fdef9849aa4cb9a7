import VadCLIP

/// The chances of made-up scenes: the same numbers for the same seed, on every machine.
struct SceneRandom {
    private var generator: SplitMix64

    /// The chances of one thing among many of its kind: those of another kind or number have nothing to do with them.
    init(seed: UInt64, kind: String, number: Int) {
        var state = kind.utf8.reduce(seed &* 0x9E37_79B9_7F4A_7C15) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        state ^= UInt64(number) &* 0xD6E8_FEB8_6659_FD93
        generator = SplitMix64(state: state)
        // Neighbours' states differ in few bits: the second number of each no longer shows it.
        generator = SplitMix64(state: generator.next())
    }

    /// A number from `low` up to and without `high`.
    mutating func uniform(_ low: Float, _ high: Float) -> Float {
        low + (high - low) * (Float(generator.next() >> 40) / Float(1 << 24))
    }

    /// Numbers from `-most` up to and without `most`.
    mutating func vector(_ count: Int, within most: Float) -> [Float] {
        (0..<count).map { _ in uniform(-most, most) }
    }

    /// One of the range's numbers.
    mutating func integer(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + generator.index(below: range.count)
    }

    /// True so many times of a hundred.
    mutating func happens(_ percent: Int) -> Bool { integer(0...99) < percent }

    mutating func isHeads() -> Bool { generator.next() >> 63 == 1 }

    /// -1 or 1.
    mutating func side() -> Int { isHeads() ? 1 : -1 }

    mutating func shuffle<Element>(_ elements: inout [Element]) {
        for at in elements.indices.dropLast() { elements.swapAt(at, integer(at...elements.count - 1)) }
    }
}
