import Synchronization
import Testing

@testable import Scoring

@Suite("The digest of the features")
struct FeatureDigestTests {
    private final class Calls: Sendable {
        let count = Mutex(0)
    }

    @Test("it is computed once, by the first who asks, and for nobody else")
    func computedOnce() async {
        let calls = Calls()
        let digest = FeatureDigest {
            calls.count.withLock { $0 += 1 }
            return "ab"
        }
        #expect(calls.count.withLock { $0 } == 0)
        let texts = await withTaskGroup(of: String.self) { group in
            for _ in 0..<8 { group.addTask { digest.text } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(texts == Array(repeating: "ab", count: 8))
        #expect(calls.count.withLock { $0 } == 1)
    }

    @Test("two are equal by what they say")
    func equality() {
        #expect(FeatureDigest("ab") == FeatureDigest { "ab" })
        #expect(FeatureDigest("ab") != FeatureDigest("cd"))
    }
}
