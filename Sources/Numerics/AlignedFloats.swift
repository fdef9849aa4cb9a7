/// A fixed block of floats on a 64-byte boundary, filled once and then only read: weights, biases, gains.
///
/// `@unchecked Sendable`: the memory is written inside `init` alone, before any other thread can see the object, and is
/// freed when the last reference goes.
public final class AlignedFloats: @unchecked Sendable {
    /// Floats in the block.
    public let count: Int
    let base: UnsafeMutablePointer<Float>

    /// Reserves `count` floats and lets `fill` write all of them.
    init(count: Int, fill: (UnsafeMutablePointer<Float>) -> Void) {
        self.count = count
        base = AlignedFloats.reserve(count)
        fill(base)
    }

    /// A copy of `values`.
    public convenience init(_ values: [Float]) {
        self.init(count: values.count) { base in
            values.withUnsafeBufferPointer { if let from = $0.baseAddress { base.update(from: from, count: $0.count) } }
        }
    }

    deinit { base.deallocate() }

    /// The value at `index`.
    public subscript(index: Int) -> Float {
        precondition(index >= 0 && index < count)
        return base[index]
    }

    /// Zeroed memory on a 64-byte boundary (a cache line and the widest vector); the caller deallocates it.
    static func reserve(_ count: Int) -> UnsafeMutablePointer<Float> {
        let raw = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * MemoryLayout<Float>.stride, alignment: 64)
        let base = raw.bindMemory(to: Float.self, capacity: max(count, 1))
        base.initialize(repeating: 0, count: max(count, 1))
        return base
    }
}
