public import JSON

/// A request of the Open Inference Protocol (KServe's version 2): named tensors, and which are wanted of what comes of them.
public struct InferenceRequest: Equatable, Sendable {
    /// The client's own name for it.
    public var id: String?
    /// What it asks for beside, but for how tensors are sent: texts, numbers, and what is true or false.
    public var parameters: [JSONValue.Member] = []
    /// The tensors, each name once.
    public var inputs: [InferenceTensor] = []
    /// What is wanted, each name once; empty where nothing is said.
    public var outputs: [InferenceOutput] = []
    /// Whether outputs that do not say how they are wanted are wanted as bytes.
    public var wantsBinary = false

    /// A request for nothing.
    public init() {}

    /// The tensor of a name.
    public subscript(input name: String) -> DecodedArray? { inputs.first { $0.name.hasBytes(of: name) }?.array }
}

/// A tensor that was sent.
public struct InferenceTensor: Equatable, Sendable {
    /// Its name.
    public var name: String
    /// Its numbers.
    public var array: DecodedArray
}

/// A tensor that is wanted.
public struct InferenceOutput: Equatable, Sendable {
    /// Its name.
    public var name: String
    /// Whether it is wanted as bytes, where that is said.
    public var isBinary: Bool?
}

/// What a server takes and gives under the Open Inference Protocol: what a request may name.
public struct InferenceSignature: Sendable {
    /// A tensor that is taken.
    public struct Input: Sendable {
        /// Its name.
        public let name: String
        /// What its elements may be.
        public let types: [ElementType]

        /// A tensor of this name and one of these types.
        public init(_ name: String, _ types: [ElementType]) {
            self.name = name
            self.types = types
        }
    }

    /// The tensors that are taken.
    public let inputs: [Input]
    /// The names of those that are given.
    public let outputs: [String]

    /// Takes some tensors and gives others.
    public init(inputs: [Input], outputs: [String]) {
        self.inputs = inputs
        self.outputs = outputs
    }
}

extension ElementType {
    /// The name in the Open Inference Protocol, such as "FP16".
    public var inferenceName: String {
        switch self {
        case .float16: "FP16"
        case .bfloat16: "BF16"
        case .float32: "FP32"
        case .float64: "FP64"
        case .int8: "INT8"
        case .int16: "INT16"
        case .int32: "INT32"
        case .int64: "INT64"
        case .uint8: "UINT8"
        case .uint16: "UINT16"
        case .uint32: "UINT32"
        case .uint64: "UINT64"
        case .bool: "BOOL"
        }
    }
}
