/// Decodes rows of float32, little-endian, with nothing around them, of a width that is known beforehand.
public struct RawFloatDecoder: ArrayDecoder {
    private let width: Int
    private let limits: ArrayLimits
    private var collector: FloatCollector
    private var failure: ArrayDecodingError?

    /// - Parameter width: numbers a row, at least 1
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
