import Compression
import Synchronization

/// A compressor that a streamed answer's writer can hold.
final class BodyDeflater: Sendable {
    private let deflater: Mutex<Deflater>

    /// Nil where zlib has no memory.
    init?(_ coding: ContentCoding, level: Int32) {
        guard let deflater = Deflater(coding.wrapping, level: level) else { return nil }
        self.deflater = Mutex(deflater)
    }

    /// Takes a piece in, and gives what comes out.
    func compress(_ bytes: [UInt8], isLast: Bool) -> [UInt8] {
        deflater.withLock { $0.compress(bytes, isLast: isLast) }
    }
}
