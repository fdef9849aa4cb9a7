import Platform

/// Decodes the tensors of a safetensors body that are asked for, and lets the others pass; float16, bfloat16, float32 and
/// float64 are taken. Together they are within the limits of one array.
public struct SafetensorsDecoder: ArrayDecoder {
    private enum State {
        case length
        case header(length: Int)
        case data(fileLength: Int)
        case failed(ArrayDecodingError)
    }

    private let choice: SafetensorsChoice
    private let limits: ArrayLimits
    private var state = State.length
    private var pending: [UInt8] = []
    private var position = 0
    /// What is to be kept, in the order of the bytes; `arrays` holds those that are complete.
    private var wanted: [SafetensorsTensor] = []
    private var arrays: [(name: String, array: DecodedArray)] = []
    /// The names of the tensors that are not kept, once the header has come.
    public private(set) var passedOver: [String] = []
    private var keptBytes = 0
    private var collector = FloatCollector(elementType: .float32, byteOrder: .little, expectedCount: 0)

    private init(_ choice: SafetensorsChoice, limits: ArrayLimits) {
        self.choice = choice
        self.limits = limits
    }

    /// Keeps the tensor of this name.
    public init(tensor: String = "features", limits: ArrayLimits = ArrayLimits()) {
        self.init(.named(tensor), limits: limits)
    }

    /// Keeps the tensor `features`, or without it the only one that has two axes, whatever its name.
    public init(onlyMatrixWithin limits: ArrayLimits) { self.init(.onlyMatrix, limits: limits) }

    /// Keeps the tensor `features`, or without it every tensor that has two axes.
    public init(matricesWithin limits: ArrayLimits) { self.init(.matrices, limits: limits) }

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
    public var heldBytes: Int { keptBytes + collector.values.count * 4 }

    /// The tensor, the first of several.
    public mutating func finish() throws(ArrayDecodingError) -> DecodedArray {
        guard let tensor = try finishAll().first else {
            throw ArrayDecodingError(.missing, "the safetensors body has no tensors")
        }
        return tensor.array
    }

    /// The tensors in the order of their bytes, at least one, with their names. Called once, in place of `finish`.
    public mutating func finishAll() throws(ArrayDecodingError) -> [(name: String, array: DecodedArray)] {
        switch state {
        case .failed(let error): throw error
        case .length, .header:
            throw ArrayDecodingError(.truncated, "the safetensors body ends after \(position) bytes, before its data")
        case .data(let fileLength):
            guard position == fileLength else {
                throw ArrayDecodingError(
                    .truncated, "the safetensors body ends after \(position) of \(fileLength) bytes")
            }
            keep(UnsafeRawBufferPointer(start: nil, count: 0))
            return arrays
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
        wanted = try choice.wanted(of: header.tensors, limits: limits)
        let kept = Set(wanted.map(\.name))
        passedOver = header.tensors.map(\.name).filter { !kept.contains($0) }
        begin()
        state = .data(fileLength: header.fileLength)
    }

    /// Makes room for the next tensor.
    private mutating func begin() {
        guard arrays.count < wanted.count else { return }
        let tensor = wanted[arrays.count]
        collector = FloatCollector(
            elementType: tensor.elementType, byteOrder: .little, expectedCount: tensor.elementCount)
    }

    /// Takes what is wanted of the bytes at `position`, and completes the tensors that end in them.
    private mutating func keep(_ bytes: UnsafeRawBufferPointer) {
        let here = position..<position + bytes.count
        while arrays.count < wanted.count {
            let tensor = wanted[arrays.count]
            let range = tensor.byteRange.clamped(to: here)
            if !range.isEmpty {
                collector.append(bytes.part(range.lowerBound - position..<range.upperBound - position))
            }
            guard tensor.byteRange.upperBound <= here.upperBound else { return }
            keptBytes += tensor.elementCount * 4
            let array = DecodedArray(shape: tensor.shape, elementType: tensor.elementType, values: collector.take())
            arrays.append((tensor.name, array))
            begin()
        }
    }

    private mutating func takeData(
        _ rest: inout UnsafeRawBufferPointer, fileLength: Int
    ) throws(ArrayDecodingError) {
        guard rest.count <= fileLength - position else {
            throw ArrayDecodingError(
                .malformed, "bytes follow the safetensors data, which ends after \(fileLength) bytes")
        }
        keep(rest)
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

/// Which tensors of a safetensors body an upload is about.
enum SafetensorsChoice: Sendable {
    /// The one of that name.
    case named(String)
    /// The tensor `features`; without it the only one that is a matrix.
    case onlyMatrix
    /// The tensor `features`; without it all that are matrices.
    case matrices

    /// What an upload's only matrix is called.
    static let usual = "features"

    /// The tensors to keep, in the order of their bytes, all of them of a kind and size that is taken.
    func wanted(
        of tensors: [SafetensorsTensor], limits: ArrayLimits
    ) throws(ArrayDecodingError) -> [SafetensorsTensor] {
        let wanted = try select(from: tensors, limits: limits)
        var elements = 0
        for tensor in wanted {
            try Self.check(tensor, limits: limits)
            elements += tensor.elementCount
            guard elements <= limits.maxElements else {
                throw ArrayDecodingError(
                    .tooLarge,
                    "the tensors up to \(quoted(tensor.name)) have \(elements) elements together; the limit is "
                        + "\(limits.maxElements)")
            }
        }
        return wanted
    }

    private func select(
        from tensors: [SafetensorsTensor], limits: ArrayLimits
    ) throws(ArrayDecodingError) -> [SafetensorsTensor] {
        if case .named(let name) = self {
            if let tensor = tensors.first(where: { $0.name == name }) { return [tensor] }
            throw Self.missing("no tensor \(quoted(name))", in: tensors)
        }
        if let tensor = tensors.first(where: { $0.name == Self.usual }) { return [tensor] }
        let matrices = tensors.filter { $0.shape.count == 2 }
        guard !matrices.isEmpty else {
            throw Self.missing("no tensor \(quoted(Self.usual)) and none with two axes", in: tensors)
        }
        if case .onlyMatrix = self, matrices.count > 1 {
            throw ArrayDecodingError(
                .unsupported,
                "the safetensors body has no tensor \(quoted(Self.usual)) and \(matrices.count) other matrices, "
                    + "\(Self.list(matrices)): expected one")
        }
        guard matrices.count <= limits.maxMatrices else {
            throw ArrayDecodingError(
                .tooMany,
                "the safetensors body has \(matrices.count) matrices; an upload may have \(limits.maxMatrices)")
        }
        return matrices
    }

    private static func missing(_ what: String, in tensors: [SafetensorsTensor]) -> ArrayDecodingError {
        ArrayDecodingError(
            .missing, "the safetensors body has \(what); it has \(tensors.isEmpty ? "none" : list(tensors))")
    }

    private static func list(_ tensors: [SafetensorsTensor]) -> String {
        let shown = tensors.prefix(5).map { quoted($0.name, limit: 40) }.joined(separator: ", ")
        return tensors.count > 5 ? "\(shown) and \(tensors.count - 5) more" : shown
    }

    private static func check(_ tensor: SafetensorsTensor, limits: ArrayLimits) throws(ArrayDecodingError) {
        guard tensor.elementType.isFloatingPoint else {
            throw ArrayDecodingError(
                .unsupported,
                "the tensor \(quoted(tensor.name)) is \(tensor.elementType); float16, bfloat16, float32 and float64 "
                    + "are taken: convert it by .astype('float32') or .float()")
        }
        guard tensor.shape.count <= ArrayLimits.maxRank else {
            throw ArrayDecodingError(
                .unsupported,
                "the tensor \(quoted(tensor.name)) has \(tensor.shape.count) axes; at most \(ArrayLimits.maxRank) "
                    + "are taken")
        }
        guard tensor.elementCount <= limits.maxElements else {
            throw ArrayDecodingError(
                .tooLarge,
                "the tensor \(quoted(tensor.name)) has \(tensor.elementCount) elements; the limit is "
                    + "\(limits.maxElements)")
        }
    }
}
