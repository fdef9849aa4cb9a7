import Jobs
import TestSupport
import Testing

@testable import Payloads

@Suite("The form in which inputs are kept")
struct PayloadFormTests {
    private static func noise(_ count: Int) -> [Float] {
        var random = SeededRandom(seed: 1)
        return random.floats(count)
    }

    private static let forms: [(features: [Float], form: PayloadForm)] = [
        ([], .halves), ([1.5, -0.0], .halves), ([0.1], .plain), (noise(40_000), .plain),
        (noise(40_000).map { Float(($0 * 8).rounded() / 8) }, .deflatedHalves),
        ([Float](repeating: 0, count: 40_000), .deflatedHalves),
        ([Float](repeating: 0.1, count: 40_000), .deflated),
        ((0..<40_000).map { Float($0 % 7) + 0.1 }, .deflated),
        (noise(40_000).enumerated().map { $0 % 5 == 0 ? $1 : 0 }, .deflated),
        ((0..<40_000).map { Float($0 % 200) }, .deflatedHalves),
    ]

    @Test(
        "is half precision where that is exact, deflated where that saves half, and always comes back",
        arguments: 0..<forms.count)
    func form(index: Int) {
        let (features, expected) = Self.forms[index]
        let (form, body) = PayloadForm.encode(JobBody(features))
        #expect(form == expected)
        let plain = features.count * 4
        let back = form.decode(body, plain: plain, areFloats: true)
        #expect(back?.floats?.map(\.bitPattern) == features.map(\.bitPattern))
        for count in [plain + 4, plain + 1, -1, .max, .max - 3, .min] {
            #expect(form.decode(body, plain: count, areFloats: true) == nil)
            #expect(form.decode(body, plain: count, areFloats: false) == nil)
        }
        if !body.isEmpty { #expect(form.decode(Array(body.dropLast()), plain: plain, areFloats: true) == nil) }
    }

    @Test("bytes are kept as they are, or deflated", arguments: [0, 1, 3, 4_095, 4_096, 100_001])
    func bytes(count: Int) {
        var random = SeededRandom(seed: 1)
        let noise = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        for (bytes, expected) in [
            (noise, PayloadForm.plain), ([UInt8](repeating: 7, count: count), count < 4_096 ? .plain : .deflated),
        ] {
            let (form, body) = PayloadForm.encode(JobBody(bytes))
            #expect(form == expected)
            let back = form.decode(body, plain: count, areFloats: false)
            #expect(back?.floats == nil && back?.bytes(in: 0..<count) == bytes)
            #expect(form.decode(body, plain: count + 1, areFloats: false) == nil)
            #expect(PayloadForm.halves.decode(body, plain: count, areFloats: false) == nil)
        }
    }

    @Test("bytes that are no deflated body are refused, and no more room is made than they may need")
    func garbage() {
        var random = SeededRandom(seed: 2)
        for _ in 0..<200 {
            let bytes = (0..<Int.random(in: 0...64, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            #expect(Deflation.inflate(bytes, count: 1_000) == nil)
        }
        let bomb = Deflation.ifItPays([UInt8](repeating: 0, count: 10 << 20)) ?? []
        #expect(bomb.count > 1_000 && Deflation.inflate(bomb, count: 1_000) == nil)
    }
}
