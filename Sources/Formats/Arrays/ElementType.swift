/// The types of number that arrays and tensors are made of.
public enum ElementType: String, Equatable, Sendable, CaseIterable, CustomStringConvertible {
    case float16, bfloat16, float32, float64
    case int8, int16, int32, int64
    case uint8, uint16, uint32, uint64
    case bool

    /// Bytes of one element.
    public var byteSize: Int {
        switch self {
        case .int8, .uint8, .bool: 1
        case .float16, .bfloat16, .int16, .uint16: 2
        case .float32, .int32, .uint32: 4
        case .float64, .int64, .uint64: 8
        }
    }

    /// Whether it is one of the four floating-point types.
    public var isFloatingPoint: Bool {
        switch self {
        case .float16, .bfloat16, .float32, .float64: true
        default: false
        }
    }

    /// The name in numpy and PyTorch, such as "float16".
    public var description: String { rawValue }

    /// The name in a safetensors header, such as "F16".
    public var safetensorsName: String {
        switch self {
        case .float16: "F16"
        case .bfloat16: "BF16"
        case .float32: "F32"
        case .float64: "F64"
        case .int8: "I8"
        case .int16: "I16"
        case .int32: "I32"
        case .int64: "I64"
        case .uint8: "U8"
        case .uint16: "U16"
        case .uint32: "U32"
        case .uint64: "U64"
        case .bool: "BOOL"
        }
    }

    /// The type with this name in a safetensors header.
    public init?(safetensorsName name: String) {
        guard let type = ElementType.allCases.first(where: { $0.safetensorsName == name }) else { return nil }
        self = type
    }
}

/// The order of the bytes of one element.
public enum ByteOrder: Equatable, Sendable { case little, big }

/// The order in which the elements of an array came.
public enum ArrayOrder: String, Equatable, Sendable {
    /// The last index runs fastest (C order).
    case rowMajor
    /// The first index runs fastest (Fortran order).
    case columnMajor
}
