import Platform
import TestSupport
import Testing

@Suite("Base64")
struct Base64Tests {
    @Test("Base64 reads what it writes, and nothing else", arguments: 0..<70)
    func readsBack(count: Int) {
        var random = SeededRandom(seed: UInt64(count))
        let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        let text = Base64.encode(bytes)
        #expect(Base64.decode(text) == bytes)
        for index in text.indices {
            var other = text
            other.replaceSubrange(index...index, with: "!")
            #expect(Base64.decode(other) == nil)
            other.remove(at: index)
            #expect(Base64.decode(other) == nil)
        }
    }

    @Test("the vectors of RFC 4648")
    func vectors() {
        for (plain, text) in [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            #expect(Base64.encode(Array(plain.utf8)) == text)
        }
        for text in ["Zh==", "Zm9=", "====", "Z===", "Zg==Zg==", "Zg= "] { #expect(Base64.decode(text) == nil) }
    }
}
