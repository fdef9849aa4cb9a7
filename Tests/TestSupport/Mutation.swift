/// Changes bytes as damage and attackers do: bits flipped, bytes set, cut off, inserted, removed, moved.
public func mutate(_ bytes: [UInt8], using generator: inout SeededRandom) -> [UInt8] {
    var result = bytes
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
        guard !result.isEmpty else { return result }
        let at = Int.random(in: 0..<result.count, using: &generator)
        switch Int.random(in: 0..<7, using: &generator) {
        case 0: result[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: result[at] = UInt8.random(in: .min ... .max, using: &generator)
        case 2: result[at] = [0, 0xFF, 0x7F, 0x80].randomElement(using: &generator) ?? 0
        case 3: result.removeSubrange(at...)
        case 4: result.insert(UInt8.random(in: .min ... .max, using: &generator), at: at)
        case 5: result.removeSubrange(at..<min(result.count, at + Int.random(in: 1...8, using: &generator)))
        default: for index in at..<min(result.count, at + 8) { result[index] = 0xFF }
        }
    }
    return result
}
