/// Ends the program where a property does not hold, so that libFuzzer keeps the input.
func require(_ holds: Bool, _ law: @autoclosure () -> String, line: UInt = #line) {
    guard !holds else { return }
    fatalError("the law does not hold: \(law()) (line \(line))")
}

/// The ways in which an input is cut: two random pieces, random small ones, and byte after byte.
///
/// The cuts come from a hash of the input, so that an input that was found says all that is needed to run it again,
/// and so that seeds are plain files.
func cuts(of input: UnsafeRawBufferPointer) -> [[Range<Int>]] {
    guard input.count > 1 else { return [] }
    var random = HashedRandom(input)
    let middle = Int.random(in: 1..<input.count, using: &random)
    var ways = [[0..<middle, middle..<input.count]]
    var small: [Range<Int>] = []
    while small.last?.upperBound ?? 0 < input.count {
        let start = small.last?.upperBound ?? 0
        small.append(start..<min(input.count, start + Int.random(in: 1...9, using: &random)))
    }
    ways.append(small)
    if input.count <= 600 { ways.append((0..<input.count).map { $0..<$0 + 1 }) }
    return ways
}

/// Runs `body` with a copy of the bytes that is exactly as long as they are, so that the address sanitizer sees a
/// reader that goes one byte too far.
func withExactCopy<R>(
    of bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R
) rethrows -> R {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: range.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[range]))
    return try body(UnsafeRawBufferPointer(copy))
}

/// The law of everything that reads bytes as they come: in pieces the outcome is what it is at once.
///
/// - Returns: the outcome
func checkPieces<Outcome: Equatable>(
    _ input: UnsafeRawBufferPointer, _ outcome: (UnsafeRawBufferPointer, [Range<Int>]) -> Outcome
) -> Outcome {
    let whole = outcome(input, [0..<input.count])
    for pieces in cuts(of: input) {
        let parts = outcome(input, pieces)
        require(parts == whole, "in pieces \(pieces.prefix(20)) comes \(parts), and at once \(whole)")
    }
    return whole
}

/// SplitMix64, begun at the FNV-1a hash of the input.
private struct HashedRandom: RandomNumberGenerator {
    private var state: UInt64 = 0xCBF2_9CE4_8422_2325

    init(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
