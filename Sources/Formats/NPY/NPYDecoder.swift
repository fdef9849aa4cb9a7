import Platform

/// Decodes an .npy body: versions 1, 2 and 3, float16, float32 and float64 in either byte order, C or Fortran order.
public struct NPYDecoder: ArrayDecoder {
    private enum State {
        /// The magic, the version and the header's length, up to twelve bytes.
        case prelude
        case header(length: Int)
        /// Something else, whose first bytes tell what became of it.
        case foreign
        case data(NPYHeader, FloatCollector)
        case failed(ArrayDecodingError)
    }

    private let limits: ArrayLimits
    private var state = State.prelude
    /// The prelude's, then the header's bytes as far as they have come.
    private var pending: [UInt8] = []

    /// A decoder that has seen nothing.
    public init(limits: ArrayLimits = ArrayLimits()) { self.limits = limits }

    /// Takes the next bytes in.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        do throws(ArrayDecodingError) {
            var rest = bytes
            while !rest.isEmpty {
                switch state {
                case .prelude: try takePrelude(&rest)
                case .header(let length): try takeHeader(&rest, length: length)
                case .foreign: try takeForeign(&rest)
                case .data: try takeData(&rest)
                case .failed(let error): throw error
                }
            }
        } catch {
            state = .failed(error)
            throw error
        }
    }

    /// What the header says, once it has come: lengths along each axis, and how many bytes of numbers are still to come.
    public var awaited: (shape: [Int], bytes: Int)? {
        guard case .data(let header, let collector) = state else { return nil }
        return (header.shape, header.elementCount * header.elementType.byteSize - collector.byteCount)
    }

    /// Bytes of the numbers so far; columns are transposed at the end, into as many again.
    public var heldBytes: Int {
        guard case .data(let header, let collector) = state else { return 0 }
        return collector.values.count * (header.isFortranOrder ? 8 : 4)
    }

    /// The array, rows first.
    public mutating func finish() throws(ArrayDecodingError) -> DecodedArray {
        switch state {
        case .failed(let error): throw error
        case .foreign: throw foreign
        case .prelude:
            throw ArrayDecodingError(
                .truncated, "the .npy ends after \(pending.count) bytes, inside its first twelve")
        case .header(let length):
            throw ArrayDecodingError(
                .truncated, "the .npy header ends after \(pending.count) of its \(length) bytes")
        case .data(let header, var collector):
            state = .prelude
            let expected = header.elementCount * header.elementType.byteSize
            guard collector.byteCount == expected else {
                throw ArrayDecodingError(
                    .truncated,
                    "the .npy data ends after \(collector.byteCount) of \(expected) bytes (shape \(header.shape), "
                        + "\(header.elementType))")
            }
            let values = collector.take()
            return DecodedArray(
                shape: header.shape, elementType: header.elementType,
                order: header.isFortranOrder ? .columnMajor : .rowMajor,
                values: header.isFortranOrder ? rowMajor(fromColumnMajor: values, shape: header.shape) : values)
        }
    }

    private mutating func takePrelude(_ rest: inout UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        while !rest.isEmpty {
            pending.append(rest[0])
            rest = rest.part(1..<rest.count)
            if pending.count <= 6 {
                guard pending.last == NPYDecoder.magic[pending.count - 1] else {
                    state = .foreign
                    return
                }
            } else if pending.count == 8 {
                guard (1...3).contains(pending[6]), pending[7] == 0 else {
                    throw ArrayDecodingError(
                        .unsupported,
                        ".npy version \(pending[6]).\(pending[7]) is not known; versions 1.0 to 3.0 are. If numpy wrote it, "
                            + Self.changed)
                }
            } else if pending.count == (pending[6] == 1 ? 10 : 12) {
                return try beginHeader()
            }
        }
    }

    /// What is said of a file that something took for a text: curl's -d takes zeros and line ends out of it.
    private static let changed =
        "it was changed on its way here, as curl -d changes what it sends: curl --data-binary @FILE sends it as it is"

    /// As many of the first bytes as tell what became of it.
    private static let foreignBytes = 14

    private mutating func takeForeign(_ rest: inout UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        let taken = min(Self.foreignBytes - pending.count, rest.count)
        pending.append(contentsOf: rest[..<taken])
        rest = rest.part(taken..<rest.count)
        if pending.count >= Self.foreignBytes { throw foreign }
    }

    /// What is wrong with the first bytes: the magic's letters show that it was a numpy array once.
    private var foreign: ArrayDecodingError {
        let letters = Self.magic.dropFirst()
        let isChanged = pending.indices.contains { pending[$0...].starts(with: letters) }
        return ArrayDecodingError(
            .malformed, "it is no .npy: it does not begin with \\x93NUMPY" + (isChanged ? "; \(Self.changed)" : ""))
    }

    private mutating func beginHeader() throws(ArrayDecodingError) {
        let length = pending[8...].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= limits.maxNPYHeaderBytes else {
            throw ArrayDecodingError(
                .excessive, "the .npy header claims \(length) bytes; the limit is \(limits.maxNPYHeaderBytes)")
        }
        guard length > 0 else { throw NPYHeader.malformed("is empty") }
        pending = []
        state = .header(length: length)
    }

    private mutating func takeHeader(_ rest: inout UnsafeRawBufferPointer, length: Int) throws(ArrayDecodingError) {
        let taken = min(length - pending.count, rest.count)
        pending.append(contentsOf: rest[..<taken])
        rest = rest.part(taken..<rest.count)
        guard pending.count == length else { return }
        let header = try NPYHeader.parse(pending, limits: limits)
        pending = []
        let collector = FloatCollector(
            elementType: header.elementType, byteOrder: header.byteOrder, expectedCount: header.elementCount)
        state = .data(header, collector)
    }

    private mutating func takeData(_ rest: inout UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        guard case .data(let header, var collector) = state else { return }
        // The collector is taken out and put back, so that its array is never copied.
        state = .prelude
        let expected = header.elementCount * header.elementType.byteSize
        guard rest.count <= expected - collector.byteCount else {
            throw ArrayDecodingError(
                .malformed,
                "bytes follow the .npy data, which ends after \(expected) bytes (shape \(header.shape), "
                    + "\(header.elementType))")
        }
        collector.append(rest)
        rest = rest.part(rest.count..<rest.count)
        state = .data(header, collector)
    }

    private static let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]
}

/// Reorders an array whose first index runs fastest into one whose last does.
func rowMajor(fromColumnMajor values: [Float], shape: [Int]) -> [Float] {
    guard shape.count > 1, !values.isEmpty else { return values }
    var strides = [1]
    for length in shape.dropLast() { strides.append(strides[strides.count - 1] * length) }
    return [Float](unsafeUninitializedCapacity: values.count) { output, count in
        var walk = StridedWalk(shape: shape, strides: strides, offset: 0)
        while let run = walk.next() {
            for index in 0..<run.count {
                output.initializeElement(at: count + index, to: values[run.start + index * run.stride])
            }
            count += run.count
        }
    }
}
