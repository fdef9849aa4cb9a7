/// Why a pickle was not read.
public struct PickleError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The sort of fault.
    public enum Kind: String, Equatable, Sendable {
        /// The bytes break the format's rules or end early.
        case malformed
        /// An instruction that no checkpoint needs.
        case refusedOpcode
        /// A function or class that no checkpoint needs.
        case refusedGlobal
        /// More instructions, values or text than the limits allow.
        case tooLarge
    }

    /// The sort of fault.
    public var kind: Kind
    /// One sentence.
    public var description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}

/// How much a pickle may do; every limit is far above what checkpoints need.
public struct PickleLimits: Equatable, Sendable {
    /// Instructions carried out.
    public var maxOpcodes = 4 << 20
    /// Values made.
    public var maxValues = 2 << 20
    /// Values and marks that wait on the stack.
    public var maxStack = 1 << 20
    /// Values remembered under a number.
    public var maxMemo = 1 << 20
    /// Bytes of text, all strings together.
    public var maxTextBytes = 16 << 20
    /// Bytes of an integer.
    public var maxIntegerBytes = 1024

    /// The usual limits.
    public init() {}
}
