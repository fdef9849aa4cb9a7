import Platform

/// Decodes one array from bytes that arrive in pieces, and never keeps the encoded bytes.
///
/// How the bytes are cut into pieces makes no difference to the outcome. A decoder that has thrown throws the same
/// error again for whatever follows.
public protocol ArrayDecoder {
    /// Takes the next bytes in.
    mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError)
    /// Bytes of memory that the decoded numbers take so far, with what `finish` will take beside them.
    var heldBytes: Int { get }
    /// Says that no more bytes come, and gives the array. Called once.
    mutating func finish() throws(ArrayDecodingError) -> DecodedArray
}

/// Decodes bytes that are all there.
public func decode<D: ArrayDecoder>(
    _ bytes: UnsafeRawBufferPointer, with decoder: D
) throws(ArrayDecodingError) -> DecodedArray {
    var decoder = decoder
    try decoder.feed(bytes)
    return try decoder.finish()
}

/// Decodes bytes that are all there.
public func decode<D: ArrayDecoder>(_ bytes: [UInt8], with decoder: D) throws(ArrayDecodingError) -> DecodedArray {
    try bytes.withRawBytes { raw throws(ArrayDecodingError) in try decode(raw, with: decoder) }
}

/// Decodes a whole file.
public func decode<D: ArrayDecoder>(_ file: MappedFile, with decoder: D) throws(ArrayDecodingError) -> DecodedArray {
    try file.withUnsafeBytes { bytes throws(ArrayDecodingError) in try decode(bytes, with: decoder) }
}

extension ArrayDecoder {
    /// Takes the next bytes in.
    public mutating func feed(_ bytes: [UInt8]) throws(ArrayDecodingError) {
        try bytes.withUnsafeBufferPointer { buffer throws(ArrayDecodingError) in
            try feed(UnsafeRawBufferPointer(buffer))
        }
    }
}

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

/// Decodes rows of float32, little-endian, with nothing around them, of a width that is known beforehand.
public struct RawFloatDecoder: ArrayDecoder {
    private let width: Int
    private let limits: ArrayLimits
    private var collector: FloatCollector
    private var failure: ArrayDecodingError?

    /// - Parameters:
    ///   - width: numbers a row, at least 1
    ///   - limits: what may be asked of memory
    public init(width: Int, limits: ArrayLimits = ArrayLimits()) {
        precondition(width > 0 && width <= 1 << 30, "a row has at least one number")
        self.width = width
        self.limits = limits
        self.collector = FloatCollector(elementType: .float32, byteOrder: .little, expectedCount: limits.maxElements)
    }

    /// Takes the next bytes in.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        if let failure { throw failure }
        guard bytes.count <= limits.maxElements * 4 - collector.byteCount else {
            let error = ArrayDecodingError(
                .tooLarge, "the body holds more than the limit of \(limits.maxElements) numbers")
            failure = error
            throw error
        }
        collector.append(bytes)
    }

    /// Bytes of the numbers so far.
    public var heldBytes: Int { collector.values.count * 4 }

    /// The rows, [rows, width].
    public mutating func finish() throws(ArrayDecodingError) -> DecodedArray {
        if let failure { throw failure }
        let count = collector.byteCount
        let (rows, left) = count.quotientAndRemainder(dividingBy: width * 4)
        guard left == 0 else {
            throw ArrayDecodingError(
                .malformed,
                "the body of \(count) bytes is not a whole number of rows: a row of \(width) float32 numbers is "
                    + "\(width * 4) bytes, and \(left) are left after \(rows) rows")
        }
        var array = DecodedArray(shape: [rows, width], elementType: .float32, values: collector.take())
        array.isTypeAssumed = true
        return array
    }
}
