/// Decodes one tensor of a safetensors body, and lets the others pass; float16, bfloat16, float32 and float64 are taken.
public struct SafetensorsDecoder: ArrayDecoder {
    private var stream: SafetensorsStream

    /// - Parameter tensor: the name of the tensor to keep
    public init(tensor: String = "features", limits: ArrayLimits = ArrayLimits()) {
        stream = SafetensorsStream(.named(tensor), limits: limits)
    }

    /// Keeps the tensor `features`, or without it the only one that has two axes, whatever its name.
    public init(onlyMatrixWithin limits: ArrayLimits) {
        stream = SafetensorsStream(.onlyMatrix, limits: limits)
    }

    /// Takes the next bytes in.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) { try stream.feed(bytes) }

    /// Bytes of the numbers so far.
    public var heldBytes: Int { stream.heldBytes }

    /// The tensor.
    public mutating func finish() throws(ArrayDecodingError) -> DecodedArray {
        guard let tensor = try stream.finish().first else {
            throw ArrayDecodingError(.missing, "the safetensors body has no tensors")
        }
        return tensor.array
    }
}

/// Decodes the matrices of a safetensors body: the tensor `features` alone where there is one, else every tensor that
/// has two axes. Together they are within the limits of one array.
public struct SafetensorsMatricesDecoder {
    private var stream: SafetensorsStream

    /// A decoder that has seen nothing.
    public init(limits: ArrayLimits = ArrayLimits()) {
        stream = SafetensorsStream(.matrices, limits: limits)
    }

    /// Takes the next bytes in.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) { try stream.feed(bytes) }

    /// Bytes of the numbers so far.
    public var heldBytes: Int { stream.heldBytes }

    /// The matrices in the order of their bytes, at least one. Called once.
    public mutating func finish() throws(ArrayDecodingError) -> [NamedArray] { try stream.finish() }

    /// The names of the tensors that are no matrices, or stand beside `features`, once the header has come.
    public var passedOver: [String] { stream.passedOver }
}
