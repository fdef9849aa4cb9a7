import TestSupport
import Testing

@testable import SQLiteStore

@Suite("The form in which features are kept")
struct PayloadFormTests {
    private static func noise(_ count: Int) -> [Float] {
        var random = SeededRandom(seed: 1)
        return random.floats(count)
    }

    private static let forms: [(features: [Float], form: PayloadForm)] = [
        ([], .float16), ([1.5, -0.0], .float16), ([0.1], .float32), (noise(40_000), .float32),
        (noise(40_000).map { Float(($0 * 8).rounded() / 8) }, .deflatedFloat16),
        ([Float](repeating: 0, count: 40_000), .deflatedFloat16),
        ([Float](repeating: 0.1, count: 40_000), .deflatedFloat32),
        ((0..<40_000).map { Float($0 % 7) + 0.1 }, .deflatedFloat32),
        (noise(40_000).enumerated().map { $0 % 5 == 0 ? $1 : 0 }, .deflatedFloat32),
        ((0..<40_000).map { Float($0 % 200) }, .deflatedFloat16),
    ]

    @Test(
        "is half precision where that is exact, deflated where that saves half, and always comes back",
        arguments: 0..<forms.count)
    func form(index: Int) {
        let (features, expected) = Self.forms[index]
        let (form, body) = PayloadForm.encode(features)
        #expect(form == expected)
        #expect(form.decode(body, count: features.count)?.map(\.bitPattern) == features.map(\.bitPattern))
        for count in [features.count + 1, -1, .max, .min] { #expect(form.decode(body, count: count) == nil) }
        if !body.isEmpty { #expect(form.decode(Array(body.dropLast()), count: features.count) == nil) }
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
