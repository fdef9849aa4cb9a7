import Platform

/// Collects float32 values from the bytes of elements that arrive in pieces, cut anywhere.
///
/// Memory follows what has arrived: beyond the first MiB the expected count only caps the growth.
struct FloatCollector {
    /// Up to so many expected elements are kept room for at once, so that small arrays never move. Memory that is not
    /// written to is none yet.
    private static let reservedAtOnce = 1 << 18

    let elementType: ElementType
    let byteOrder: ByteOrder
    /// Elements that can come, as far as one knows; none beyond are kept room for.
    let expectedCount: Int
    private(set) var values: [Float] = []
    /// The front of an element whose end has not come, less than eight bytes.
    private(set) var partial: [UInt8] = []

    init(elementType: ElementType, byteOrder: ByteOrder, expectedCount: Int) {
        self.elementType = elementType
        self.byteOrder = byteOrder
        self.expectedCount = expectedCount
    }

    /// Bytes taken in so far.
    var byteCount: Int { values.count * elementType.byteSize + partial.count }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        let size = elementType.byteSize
        var rest = bytes
        if !partial.isEmpty {
            let taken = min(size - partial.count, rest.count)
            partial.append(contentsOf: rest[..<taken])
            rest = rest.part(taken..<rest.count)
            guard partial.count == size else { return }
            let whole = partial
            partial.removeAll(keepingCapacity: true)
            whole.withUnsafeBytes { appendWhole($0) }
        }
        let whole = rest.count - rest.count % size
        appendWhole(rest.part(0..<whole))
        partial.append(contentsOf: rest[whole...])
    }

    /// The values, leaving none behind.
    mutating func take() -> [Float] {
        let taken = values
        values = []
        return taken
    }

    private mutating func appendWhole(_ bytes: UnsafeRawBufferPointer) {
        let count = bytes.count / elementType.byteSize
        guard count > 0 else { return }
        let needed = values.count + count
        if needed > values.capacity {
            let grown = expectedCount <= Self.reservedAtOnce ? expectedCount : max(1024, values.count * 2)
            values.reserveCapacity(max(needed, min(expectedCount, grown)))
        }
        withUnsafeTemporaryAllocation(of: Float.self, capacity: min(count, 1024)) { scratch in
            var at = 0
            while at < count {
                let part = min(scratch.count, count - at)
                let range = at * elementType.byteSize..<(at + part) * elementType.byteSize
                elementType.convert(bytes.part(range), byteOrder, into: scratch)
                values.append(contentsOf: scratch[..<part])
                at += part
            }
        }
    }
}
