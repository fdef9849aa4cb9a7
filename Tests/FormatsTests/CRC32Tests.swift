import TestSupport
import Testing
import Zlib

@Suite("CRC-32")
struct CRC32Tests {
    /// As it is defined, bit by bit (RFC 1952, 8).
    private static func defined(_ bytes: some Sequence<UInt8>, after sum: UInt32 = 0) -> UInt32 {
        var register = ~sum
        for byte in bytes {
            register ^= UInt32(byte)
            for _ in 0..<8 {
                let isOdd = register & 1 == 1
                register >>= 1
                if isOdd { register ^= 0xEDB8_8320 }
            }
        }
        return ~register
    }

    private static func random(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    @Test("of the digits it is what it has to be, of nothing 0")
    func known() {
        #expect(Array("123456789".utf8).withUnsafeBytes { crc32(of: $0) } == 0xCBF4_3926)
        #expect([UInt8]().withUnsafeBytes { crc32(of: $0) } == 0)
        #expect([UInt8]().withUnsafeBytes { crc32(of: $0, after: 77) } == 77)
    }

    @Test("of any length, from any place and after any other it is as defined")
    func lengths() {
        let bytes = Self.random(700, seed: 1)
        for count in 0...600 {
            let start = count % 17
            let sum = UInt32(truncatingIfNeeded: count) &* 0x9E37_79B1
            let part = bytes[start..<start + count]
            #expect(part.withUnsafeBytes { crc32(of: $0) } == Self.defined(part), "\(count) bytes")
            #expect(part.withUnsafeBytes { crc32(of: $0, after: sum) } == Self.defined(part, after: sum))
        }
    }

    @Test("a page in pieces has the sum of the page, and each bit counts")
    func pieces() {
        var page = Self.random(8_192, seed: 2)
        let whole = page.withUnsafeBytes { crc32(of: $0) }
        #expect(whole == Self.defined(page))
        for cut in stride(from: 1, to: page.count, by: 61) {
            let sum = page[..<cut].withUnsafeBytes { crc32(of: $0) }
            #expect(page[cut...].withUnsafeBytes { crc32(of: $0, after: sum) } == whole)
            page[cut] ^= 1 << (cut % 8)
            #expect(page.withUnsafeBytes { crc32(of: $0) } != whole)
            page[cut] ^= 1 << (cut % 8)
        }
    }
}
