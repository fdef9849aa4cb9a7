/// A 64-bit sum that tells whether bytes are still those it was taken of; no protection against intent.
public struct Fingerprint: Sendable, Equatable {
    private var lanes = SIMD8<UInt64>(1, 2, 3, 4, 5, 6, 7, 8)
    private var rest: [UInt8] = []

    /// The fingerprint of nothing.
    public init() {}

    /// Takes in the next bytes; how they are cut into pieces makes no difference.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var at = 0
        if !rest.isEmpty {
            at = min(64 - rest.count, bytes.count)
            rest += bytes[..<at]
            guard rest.count == 64 else { return }
            rest.withUnsafeBytes { mix($0.loadUnaligned(as: SIMD8<UInt64>.self)) }
            rest = []
        }
        while at + 64 <= bytes.count {
            mix(bytes.loadUnaligned(fromByteOffset: at, as: SIMD8<UInt64>.self))
            at += 64
        }
        rest += bytes[at...]
    }

    private mutating func mix(_ block: SIMD8<UInt64>) {
        lanes = (lanes ^ block) &* 0x9E37_79B9_7F4A_7C15
        lanes ^= lanes &>> 29
    }

    /// The sum as 16 hexadecimal digits.
    public var text: String {
        var copy = self
        let length = UInt64(rest.count)
        copy.rest += [UInt8](repeating: 0, count: 64 - rest.count)
        copy.rest.withUnsafeBytes { copy.mix($0.loadUnaligned(as: SIMD8<UInt64>.self)) }
        var sum = length
        for lane in copy.lanes.indices { sum = (sum ^ copy.lanes[lane]) &* 0xBF58_476D_1CE4_E5B9 }
        sum ^= sum >> 32
        let digits = String(sum, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
