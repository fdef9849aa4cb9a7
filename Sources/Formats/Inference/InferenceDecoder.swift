import Platform

/// Decodes a request of the Open Inference Protocol from bytes that arrive in pieces: JSON, and behind it, where the client
/// says how long that is, the bytes of tensors.
///
/// How the bytes are cut makes no difference to the outcome. What the JSON says is checked before the tensors behind it are
/// read, and memory follows what has come and not what is announced. A decoder that has thrown throws the same error again.
public struct InferenceDecoder {
    private enum State {
        case text(InferenceText)
        case bytes(InferenceHead)
        case failed(ArrayDecodingError)
    }

    private let signature: InferenceSignature
    private let limits: ArrayLimits
    /// The bytes of the JSON, where others may follow.
    private let headerBytes: Int?
    /// The bytes of the whole, where they are known.
    private let totalBytes: Int?
    private var state: State
    private var position = 0
    /// The tensors that are complete, in the order of the request.
    private var arrays: [DecodedArray] = []
    private var collector = FloatCollector(elementType: .float32, byteOrder: .little, expectedCount: 0)
    private var heldNumbers = 0

    /// A decoder that has seen nothing.
    ///
    /// - Parameters:
    ///   - signature: what the model takes
    ///   - headerBytes: how long the JSON is, where the client says that; nil where all is JSON
    ///   - totalBytes: how long the whole is, where that is known
    ///   - limits: what may be asked of memory
    public init(
        _ signature: InferenceSignature, headerBytes: Int?, totalBytes: Int? = nil, limits: ArrayLimits = ArrayLimits()
    ) {
        self.signature = signature
        self.headerBytes = headerBytes
        self.totalBytes = totalBytes
        self.limits = limits
        state = .text(InferenceText(limits: limits))
    }

    /// Bytes of memory that it takes so far.
    public var heldBytes: Int {
        switch state {
        case .text(let text): text.heldBytes
        case .bytes(let head): (heldNumbers + head.heldNumbers + collector.values.count) * 4
        case .failed: (heldNumbers + collector.values.count) * 4
        }
    }

    /// Takes the next bytes in.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        do throws(ArrayDecodingError) {
            var rest = bytes
            while !rest.isEmpty {
                switch state {
                case .text(var text):
                    // Taken out while it is changed, so that it is not copied.
                    state = .failed(ArrayDecodingError(.malformed, ""))
                    let room = headerBytes.map { $0 - position } ?? rest.count
                    let used = min(room, rest.count)
                    try text.feed(rest.part(0..<used))
                    rest = rest.part(used..<rest.count)
                    position += used
                    state = .text(text)
                    if position == headerBytes { try endText() }
                case .bytes(var head):
                    // Likewise.
                    state = .failed(ArrayDecodingError(.malformed, ""))
                    try take(&rest, of: &head)
                    state = .bytes(head)
                case .failed(let error): throw error
                }
            }
        } catch {
            state = .failed(error)
            throw error
        }
    }

    /// The shape of a tensor, as soon as the request has said it; nil before, and of one that it does not name.
    public func shape(of name: String) -> [Int]? {
        guard case .bytes(let head) = state else { return nil }
        return head.tensors.first { $0.name.hasBytes(of: name) }?.shape
    }

    /// Takes the next bytes in.
    public mutating func feed(_ bytes: [UInt8]) throws(ArrayDecodingError) {
        try bytes.withRawBytes { raw throws(ArrayDecodingError) in try feed(raw) }
    }

    /// Says that no more bytes come, and gives the request away: nothing of it is kept. Called once.
    public mutating func finish() throws(ArrayDecodingError) -> InferenceRequest {
        if case .text = state {
            guard headerBytes == nil else {
                throw ArrayDecodingError(
                    .truncated,
                    "the body ends after \(position) bytes, before the \(headerBytes ?? 0) of its JSON that "
                        + "Inference-Header-Content-Length says")
            }
            try endText()
        }
        let last = state
        state = .failed(ArrayDecodingError(.malformed, "the request has been read"))
        switch last {
        case .failed(let error): throw error
        case .text: throw ArrayDecodingError(.truncated, "the body has no end")
        case .bytes(let head):
            guard arrays.count == head.tensors.count else {
                throw ArrayDecodingError(
                    .truncated,
                    "the body ends after \(position) bytes, of \((headerBytes ?? 0) + head.binaryBytes) that the request "
                        + "says")
            }
            var request = head.request
            request.inputs = zip(head.tensors, arrays).map { InferenceTensor(name: $0.name, array: $1) }
            arrays = []
            heldNumbers = 0
            return request
        }
    }
}

extension InferenceDecoder {
    /// The JSON is there: looks at what it says, and makes ready for what follows.
    private mutating func endText() throws(ArrayDecodingError) {
        var head = try InferenceHead(
            takeText(), signature: signature, limits: limits, mayBeBinary: headerBytes != nil)
        if let headerBytes, let totalBytes, headerBytes + head.binaryBytes != totalBytes {
            throw ArrayDecodingError(
                .malformed,
                "the body has \(totalBytes) bytes, and its JSON of \(headerBytes) bytes says that \(head.binaryBytes) follow"
            )
        }
        begin(&head)
        state = .bytes(head)
    }

    /// Gives the JSON away, so that its numbers are held once.
    private mutating func takeText() -> InferenceText {
        guard case .text(let text) = state else { return InferenceText(limits: limits) }
        state = .failed(ArrayDecodingError(.malformed, ""))
        return text
    }

    /// Puts down the tensors whose numbers are there, and makes room for the next that is not.
    private mutating func begin(_ head: inout InferenceHead) {
        while arrays.count < head.tensors.count {
            let (index, tensor) = (arrays.count, head.tensors[arrays.count].described)
            if var values = head.takeNumbers(of: index) {
                tensor.type.round(&values)
                add(values, as: tensor)
            } else if tensor.elementCount == 0 {
                add([], as: tensor)
            } else {
                collector = FloatCollector(
                    elementType: tensor.type, byteOrder: .little, expectedCount: tensor.elementCount)
                return
            }
        }
    }

    private mutating func add(_ values: [Float], as tensor: InferenceHead.Described) {
        heldNumbers += values.count
        arrays.append(DecodedArray(shape: tensor.shape, elementType: tensor.type, values: values))
    }

    private mutating func take(
        _ rest: inout UnsafeRawBufferPointer, of head: inout InferenceHead
    ) throws(ArrayDecodingError) {
        guard arrays.count < head.tensors.count else {
            throw ArrayDecodingError(
                .malformed,
                "bytes follow the request, which ends after \((headerBytes ?? position) + head.binaryBytes) bytes")
        }
        let tensor = head.tensors[arrays.count].described
        let used = min(tensor.elementCount * tensor.type.byteSize - collector.byteCount, rest.count)
        collector.append(rest.part(0..<used))
        rest = rest.part(used..<rest.count)
        position += used
        guard collector.values.count == tensor.elementCount else { return }
        add(collector.take(), as: tensor)
        begin(&head)
    }
}

extension ElementType {
    /// Makes numbers what is left of them where they stand for some of this type.
    fileprivate func round(_ values: inout [Float]) {
        guard self == .float16 else { return }
        for index in values.indices { values[index] = Float(halfBits: values[index].halfBits) }
    }
}
