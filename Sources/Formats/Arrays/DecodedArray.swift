import Platform

/// An array as it came, converted to float32.
public struct DecodedArray: Equatable, Sendable {
    /// Lengths along each axis, zero to eight of them.
    public var shape: [Int]
    /// What the elements were before the conversion.
    public var elementType: ElementType
    /// The order the elements came in.
    public var order: ArrayOrder
    /// All elements, always row-major, whatever `order` says.
    public var values: [Float]
    /// Whether nothing in the bytes said what the elements are.
    public var isTypeAssumed = false

    /// An array of the given shape; `values` has as many elements as the shape says.
    public init(shape: [Int], elementType: ElementType, order: ArrayOrder = .rowMajor, values: [Float]) {
        self.shape = shape
        self.elementType = elementType
        self.order = order
        self.values = values
    }
}

/// How much a decoder takes in before it gives up.
public struct ArrayLimits: Equatable, Sendable {
    /// Elements of the array, or of all arrays of one upload; 64 Mi of them are 256 MiB of float32.
    public let maxElements: Int
    /// Matrices of one upload.
    public var maxMatrices: Int
    /// Bytes of the header of an .npy body; version 1 cannot have more.
    public var maxNPYHeaderBytes: Int
    /// Bytes of the header of a safetensors body.
    public var maxSafetensorsHeaderBytes: Int
    /// Lists and objects inside one another in JSON.
    public var maxJSONDepth: Int

    /// Bytes of the elements as float32.
    public var maxBytes: Int { maxElements * 4 }

    /// The most axes that any array may have.
    public static let maxRank = 8

    /// The usual limits for uploads.
    public init(
        maxElements: Int = 64 << 20, maxNPYHeaderBytes: Int = 64 << 10, maxSafetensorsHeaderBytes: Int = 1 << 20,
        maxJSONDepth: Int = 64, maxMatrices: Int = 1_000
    ) {
        // Far above any memory, so that counting bytes of elements cannot overflow.
        self.maxElements = min(max(maxElements, 0), 1 << 40)
        self.maxNPYHeaderBytes = maxNPYHeaderBytes
        self.maxSafetensorsHeaderBytes = maxSafetensorsHeaderBytes
        self.maxJSONDepth = maxJSONDepth
        self.maxMatrices = maxMatrices
    }
}

/// Why bytes are not an array.
public struct ArrayDecodingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The sort of fault, for a caller that answers each in its own way.
    public enum Kind: String, Equatable, Sendable {
        /// The bytes break the format's rules.
        case malformed
        /// The bytes end too early.
        case truncated
        /// The bytes keep the rules and hold something that is not taken, such as integers.
        case unsupported
        /// More elements than the limits allow.
        case tooLarge
        /// More arrays than the limits allow.
        case tooMany
        /// What is no array's own is beyond any reason, such as a header's length.
        case excessive
        /// There is no array of the name asked for.
        case missing
        /// Rows of different lengths, or a number that is none in float32.
        case unfit
    }

    /// The sort of fault.
    public var kind: Kind
    /// One sentence: what was wrong, where, and what was expected.
    public var description: String

    /// A fault of this sort, told in one sentence.
    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    /// The same, told of a file among others; of nil it is told as it is.
    public func told(of file: String?) -> ArrayDecodingError {
        guard let file else { return self }
        return ArrayDecodingError(kind, "\(quoted(file)): \(description)")
    }
}

extension Array where Element == Int {
    /// The product, or nil where it or a factor does not fit; 1 for no factors, 0 where a factor is 0.
    func checkedProduct() -> Int? {
        var product = 1
        for factor in self {
            guard factor >= 0 else { return nil }
            let (next, overflow) = product.multipliedReportingOverflow(by: factor)
            if overflow { return contains(0) && !contains { $0 < 0 } ? 0 : nil }
            product = next
        }
        return product
    }
}
