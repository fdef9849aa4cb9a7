import COpenSSL

/// Random numbers that nobody can foretell, fetched many at a time: one alone by the system's costs a call of the kernel.
public struct SystemRandom: RandomNumberGenerator, Sendable {
    private var numbers: [UInt64] = []

    /// Fetches nothing yet.
    public init() {}

    /// A number that was never given before.
    public mutating func next() -> UInt64 {
        if numbers.isEmpty { fetch() }
        return numbers.removeLast()
    }

    private mutating func fetch() {
        numbers = [UInt64](unsafeUninitializedCapacity: 32) { buffer, count in
            // Sound: all of the buffer's bytes are written where it says so, and of none is anything made otherwise.
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            let isFilled = RAND_bytes(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(bytes.count)) == 1
            count = isFilled ? buffer.count : 0
        }
        if numbers.isEmpty {
            var system = SystemRandomNumberGenerator()
            numbers = [system.next()]
        }
    }
}
