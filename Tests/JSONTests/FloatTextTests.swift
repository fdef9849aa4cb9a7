import TestSupport
import Testing

@testable import JSON

@Suite("float32 as text")
struct FloatTextTests {
    @Test("every 9,973rd float32 is written as Swift describes it")
    func acrossTheRange() {
        for bits in stride(from: UInt32(0), through: .max, by: 9_973) { expectDescription(of: Float(bitPattern: bits)) }
    }

    @Test("powers of two and their neighbours, where one side of the interval is half as wide")
    func powersOfTwo() {
        for exponent in UInt32(0)..<255 {
            for offset in [-2, -1, 0, 1, 2] {
                expectDescription(of: Float(bitPattern: UInt32(truncatingIfNeeded: Int(exponent << 23) + offset)))
            }
        }
    }

    @Test("the smallest numbers, which have few digits", arguments: [0...3_000])
    func smallest(bits: ClosedRange<UInt32>) {
        for bits in bits { expectDescription(of: Float(bitPattern: bits)) }
    }

    @Test(
        "the ends of what is written without an exponent, whole numbers and zeros",
        arguments: [
            0, -0.0, 1, -1, 10, 100, 1e-4, 9.999_999e-5, 0x1p24, 0x1.000002p24, 9_999_999, 1e10, 123_456.79, 0.3, 1e-10,
            .greatestFiniteMagnitude, .leastNonzeroMagnitude, .leastNormalMagnitude,
        ] as [Float])
    func forms(value: Float) {
        expectDescription(of: value)
        expectDescription(of: -value)
    }

    @Test("scores at random")
    func scores() {
        var generator = SeededRandom(seed: 11)
        for _ in 0..<100_000 { expectDescription(of: Float.random(in: 0..<1, using: &generator)) }
    }

    private func expectDescription(of value: Float) {
        guard value.isFinite else { return }
        let text = String(unsafeUninitializedCapacity: FloatText.longest) { bytes in
            bytes.baseAddress.map { FloatText.write(value, to: $0) } ?? 0
        }
        if text != value.description { Issue.record("\(text) in place of \(value.description)") }
    }
}

@Suite("arrays of numbers in JSON")
struct JSONNumbersTests {
    @Test("an array in one go is what its numbers are one by one", arguments: [0, 1, 2, 63, 64, 65, 200])
    func arrays(count: Int) {
        let values = (0..<count).map { Float($0) / 7 - 3 }
        let atOnce = JSONWriter.text { json in
            json.object { json in
                json.key("a")
                json.array(values[...])
                json.member("b", 1)
            }
        }
        let numbers = values.map(\.description).joined(separator: ",")
        #expect(atOnce == "{\"a\":[\(numbers)],\"b\":1}")
    }

    @Test("what is not finite is null")
    func notFinite() {
        let text = JSONWriter.text { json in json.array([0.5, .nan, .infinity, -.infinity, 1][...]) }
        #expect(text == "[0.5,null,null,null,1.0]")
    }
}
