import Foundation
import TestSupport
import Testing

@testable import JSON

@Suite("Numbers in JSON")
struct DecimalNumberTests {
    @Test("numbers are rounded as the C library rounds them", arguments: [UInt64(1), 2, 3])
    func rounds(seed: UInt64) {
        var generator = SeededRandom(seed: seed)
        for _ in 0..<100_000 {
            let text = decimal(&generator)
            let bytes = Array(text.utf8)
            let found = bytes.withUnsafeBytes { DecimalNumber($0)?.float }
            #expect(found?.bitPattern == strtof(text, nil).bitPattern, "seed \(seed): \(text)")
        }
    }

    /// Floats, doubles, middles between two floats and their neighbours, digits at random.
    private func decimal(_ generator: inout SeededRandom) -> String {
        let float = Float(bitPattern: UInt32.random(in: 0..<0x7F00_0000, using: &generator))
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: return "\(float)".replacingOccurrences(of: "+", with: "")
        case 1: return "-\(Double(float))"
        case 2: return "\((Double(float) + Double(float.nextUp)) / 2)"
        case 3:
            let middle = (Double(float) + Double(float.nextUp)) / 2
            return "\(Bool.random(using: &generator) ? middle.nextUp : middle.nextDown)"
        default:
            let digits = (0..<Int.random(in: 1...40, using: &generator)).map { _ in
                Int.random(in: 0...9, using: &generator)
            }
            return "0.\(digits.map(String.init).joined())e\(Int.random(in: -50...39, using: &generator))"
        }
    }
}
