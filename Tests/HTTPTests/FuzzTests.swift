import TestSupport
import Testing

@testable import HTTP

@Suite("hostile input")
struct FuzzTests {
    private static let interesting: [UInt8] = [
        0, 9, 10, 13, 32, 34, 37, 44, 47, 48, 57, 58, 59, 61, 65, 92, 127, 128, 195, 255,
    ]

    @Test(
        "changed requests never crash the parser, and are answered the same in pieces",
        arguments: 1...8 as ClosedRange<UInt64>)
    func mutations(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for round in 0..<1500 {
            var raw = Array(RequestExample.all[Int.random(in: 0..<RequestExample.all.count, using: &random)].raw.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) { mutate(&raw, &random) }
            let whole = StateHarness()
            whole.feed(raw)
            let pieces = StateHarness()
            pieces.feed(raw, pieces: Int.random(in: 1...7, using: &random))
            guard whole.sent == pieces.sent, whole.isHalfClosed == pieces.isHalfClosed,
                whole.sent.isEmpty || whole.sent.hasPrefix("HTTP/1.1 ")
            else {
                Issue.record("seed \(seed), round \(round): \(raw) gave \(whole.statuses) and \(pieces.statuses)")
                return
            }
        }
    }

    private func mutate(_ raw: inout [UInt8], _ random: inout SeededRandom) {
        let position = Int.random(in: 0...raw.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0 where position < raw.count: raw.remove(at: position)
        case 1 where position < raw.count: raw[position] = .random(in: 0...255, using: &random)
        case 2: raw.insert(Self.interesting.randomElement(using: &random) ?? 0, at: position)
        case 3: raw.insert(contentsOf: raw.shuffled(using: &random).prefix(3), at: position)
        default: raw.removeSubrange(position..<min(raw.count, position + 5))
        }
    }

    @Test("random bytes are refused or waited for", arguments: 1...4 as ClosedRange<UInt64>)
    func noise(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<500 {
            let connection = StateHarness()
            let count = Int.random(in: 1...100, using: &random)
            connection.feed((0..<count).map { _ in .random(in: 0...255, using: &random) })
            #expect(connection.statuses.allSatisfy { $0 >= 400 }, "seed \(seed)")
        }
    }
}
