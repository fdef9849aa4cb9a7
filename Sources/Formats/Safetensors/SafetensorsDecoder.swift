/// Decodes one tensor of a safetensors body, and lets the others pass.
public struct SafetensorsDecoder: ArrayDecoder {
    private enum State {
        case length
        case header(length: Int)
        case data(fileLength: Int)
        case failed(ArrayDecodingError)
    }

    private let tensorName: String
    private let limits: ArrayLimits
    private var state = State.length
    private var pending: [UInt8] = []
    private var position = 0
    private var wanted: SafetensorsTensor?
    private var collector = FloatCollector(elementType: .float32, byteOrder: .little, expectedCount: 0)

    /// - Parameter tensor: the name of the tensor to keep; float16, bfloat16, float32 and float64 are taken
    public init(tensor: String = "features", limits: ArrayLimits = ArrayLimits()) {
        self.tensorName = tensor
        self.limits = limits
    }

    /// Takes the next bytes in.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        do throws(ArrayDecodingError) {
            var rest = bytes
            while !rest.isEmpty {
                switch state {
                case .length: try takeLength(&rest)
                case .header(let length): try takeHeader(&rest, length: length)
                case .data(let fileLength): try takeData(&rest, fileLength: fileLength)
                case .failed(let error): throw error
                }
            }
        } catch {
            state = .failed(error)
            throw error
        }
    }

    /// Bytes of the numbers so far.
    public var heldBytes: Int { collector.values.count * 4 }

    /// The tensor.
    public mutating func finish() throws(ArrayDecodingError) -> DecodedArray {
        switch state {
        case .failed(let error): throw error
        case .length, .header:
            throw ArrayDecodingError(.truncated, "the safetensors body ends after \(position) bytes, before its data")
        case .data(let fileLength):
            guard position == fileLength, let wanted else {
                throw ArrayDecodingError(
                    .truncated, "the safetensors body ends after \(position) of \(fileLength) bytes")
            }
            return DecodedArray(shape: wanted.shape, elementType: wanted.elementType, values: collector.take())
        }
    }

    private mutating func takeLength(_ rest: inout UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        gather(&rest, upTo: SafetensorsHeader.lengthBytes)
        guard pending.count == SafetensorsHeader.lengthBytes else { return }
        do throws(SafetensorsError) {
            let limit = limits.maxSafetensorsHeaderBytes
            let length = try pending.withRawBytes { bytes throws(SafetensorsError) in
                try SafetensorsHeader.length(bytes, limit: limit)
            }
            pending = []
            state = .header(length: length)
        } catch {
            throw ArrayDecodingError(.malformed, error.description)
        }
    }

    private mutating func takeHeader(_ rest: inout UnsafeRawBufferPointer, length: Int) throws(ArrayDecodingError) {
        gather(&rest, upTo: length)
        guard pending.count == length else { return }
        let header: SafetensorsHeader
        do throws(SafetensorsError) {
            header = try pending.withRawBytes { bytes throws(SafetensorsError) in try SafetensorsHeader.parse(bytes) }
        } catch {
            throw ArrayDecodingError(.malformed, error.description)
        }
        pending = []
        let tensor = try choose(from: header.tensors)
        wanted = tensor
        collector = FloatCollector(
            elementType: tensor.elementType, byteOrder: .little, expectedCount: tensor.elementCount)
        state = .data(fileLength: header.fileLength)
    }

    private func choose(from tensors: [SafetensorsTensor]) throws(ArrayDecodingError) -> SafetensorsTensor {
        guard let tensor = tensors.first(where: { $0.name == tensorName }) else {
            let shown = tensors.prefix(5).map { quoted($0.name, limit: 40) }.joined(separator: ", ")
            let more = tensors.count > 5 ? " and \(tensors.count - 5) more" : ""
            let present = tensors.isEmpty ? "; it has none" : "; it has \(shown)\(more)"
            throw ArrayDecodingError(.missing, "the safetensors body has no tensor \(quoted(tensorName))\(present)")
        }
        guard tensor.elementType.isFloatingPoint else {
            throw ArrayDecodingError(
                .unsupported,
                "the tensor \(quoted(tensorName)) is \(tensor.elementType); float16, bfloat16, float32 and float64 are taken"
            )
        }
        guard tensor.shape.count <= ArrayLimits.maxRank else {
            throw ArrayDecodingError(
                .unsupported,
                "the tensor \(quoted(tensorName)) has \(tensor.shape.count) axes; at most "
                    + "\(ArrayLimits.maxRank) are taken")
        }
        guard tensor.elementCount <= limits.maxElements else {
            throw ArrayDecodingError(
                .tooLarge,
                "the tensor \(quoted(tensorName)) has \(tensor.elementCount) elements; the limit is "
                    + "\(limits.maxElements)")
        }
        return tensor
    }

    private mutating func takeData(
        _ rest: inout UnsafeRawBufferPointer, fileLength: Int
    ) throws(ArrayDecodingError) {
        guard rest.count <= fileLength - position else {
            throw ArrayDecodingError(
                .malformed, "bytes follow the safetensors data, which ends after \(fileLength) bytes")
        }
        if let range = wanted?.byteRange.clamped(to: position..<position + rest.count), !range.isEmpty {
            collector.append(rest.part(range.lowerBound - position..<range.upperBound - position))
        }
        position += rest.count
        rest = rest.part(rest.count..<rest.count)
    }

    private mutating func gather(_ rest: inout UnsafeRawBufferPointer, upTo length: Int) {
        let taken = min(length - pending.count, rest.count)
        pending.append(contentsOf: rest[..<taken])
        rest = rest.part(taken..<rest.count)
        position += taken
    }
}
