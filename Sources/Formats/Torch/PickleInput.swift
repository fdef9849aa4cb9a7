import Platform

/// The bytes of a pickle with a position, read with bounds checked.
struct PickleInput {
    private let data: UnsafeRawBufferPointer
    /// Bytes passed so far.
    private(set) var position = 0

    init(_ data: UnsafeRawBufferPointer) { self.data = data }

    /// Whether all bytes have been passed.
    var isAtEnd: Bool { position == data.count }

    /// The next `count` bytes, where they are.
    mutating func bytes(_ count: Int) throws(PickleError) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= data.count - position else {
            throw PickleError(
                .malformed,
                "the pickle claims \(count) bytes at byte \(position), and \(data.count - position) are left")
        }
        defer { position += count }
        return data.part(position..<position + count)
    }

    mutating func opcode() throws(PickleError) -> PickleOpcode {
        guard position < data.count else {
            throw PickleError(.malformed, "the pickle ends after \(position) bytes, before its STOP")
        }
        let code = try byte()
        guard let opcode = PickleOpcode(rawValue: code) else {
            let digits = String(code, radix: 16, uppercase: true)
            throw PickleError(.malformed, "the byte 0x\(digits) at byte \(position - 1) is no pickle instruction")
        }
        return opcode
    }

    mutating func byte() throws(PickleError) -> UInt8 { try bytes(1)[0] }

    mutating func unsigned2() throws(PickleError) -> Int {
        Int(UInt16(littleEndian: try bytes(2).loadUnaligned(as: UInt16.self)))
    }

    mutating func signed4() throws(PickleError) -> Int {
        Int(Int32(littleEndian: try bytes(4).loadUnaligned(as: Int32.self)))
    }

    /// A length or number of four bytes, taken as unsigned.
    mutating func length4() throws(PickleError) -> Int {
        Int(UInt32(littleEndian: try bytes(4).loadUnaligned(as: UInt32.self)))
    }

    mutating func length8() throws(PickleError) -> Int {
        let length = UInt64(littleEndian: try bytes(8).loadUnaligned(as: UInt64.self))
        guard let value = Int(exactly: length) else {
            throw PickleError(.malformed, "the pickle claims \(length) bytes at byte \(position)")
        }
        return value
    }

    mutating func bigEndianDouble() throws(PickleError) -> Double {
        Double(bitPattern: UInt64(bigEndian: try bytes(8).loadUnaligned(as: UInt64.self)))
    }

    /// A name up to the next newline, which is passed too.
    mutating func line() throws(PickleError) -> String {
        let window = data.part(position..<min(data.count, position + 1024))
        guard let end = window.firstIndex(of: 0x0A), let text = String(validating: window.part(0..<end), as: UTF8.self)
        else { throw PickleError(.malformed, "the pickle has no name of text at byte \(position)") }
        position += end + 1
        return text
    }
}

/// The instructions of Python's pickle machine, protocols 0 to 5, by their names in Python's documentation.
enum PickleOpcode: UInt8 {
    case mark = 0x28
    case stop = 0x2E
    case pop = 0x30
    case popMark = 0x31
    case dup = 0x32
    case float = 0x46
    case int = 0x49
    case binInt = 0x4A
    case binInt1 = 0x4B
    case long = 0x4C
    case binInt2 = 0x4D
    case none = 0x4E
    case persID = 0x50
    case binPersID = 0x51
    case reduce = 0x52
    case string = 0x53
    case binString = 0x54
    case shortBinString = 0x55
    case unicode = 0x56
    case binUnicode = 0x58
    case append = 0x61
    case build = 0x62
    case global = 0x63
    case dict = 0x64
    case appends = 0x65
    case get = 0x67
    case binGet = 0x68
    case inst = 0x69
    case longBinGet = 0x6A
    case list = 0x6C
    case obj = 0x6F
    case put = 0x70
    case binPut = 0x71
    case longBinPut = 0x72
    case setItem = 0x73
    case tuple = 0x74
    case setItems = 0x75
    case emptyDict = 0x7D
    case binFloat = 0x47
    case emptyTuple = 0x29
    case emptyList = 0x5D
    case binBytes = 0x42
    case shortBinBytes = 0x43
    case proto = 0x80
    case newObj = 0x81
    case ext1 = 0x82
    case ext2 = 0x83
    case ext4 = 0x84
    case tuple1 = 0x85
    case tuple2 = 0x86
    case tuple3 = 0x87
    case newTrue = 0x88
    case newFalse = 0x89
    case long1 = 0x8A
    case long4 = 0x8B
    case shortBinUnicode = 0x8C
    case binUnicode8 = 0x8D
    case binBytes8 = 0x8E
    case emptySet = 0x8F
    case addItems = 0x90
    case frozenSet = 0x91
    case newObjEx = 0x92
    case stackGlobal = 0x93
    case memoize = 0x94
    case frame = 0x95
    case byteArray8 = 0x96
    case nextBuffer = 0x97
    case readOnlyBuffer = 0x98

    /// The name as Python's `pickletools` prints it.
    var name: String {
        switch self {
        case .binPersID: "BINPERSID"
        case .popMark: "POP_MARK"
        case .shortBinString: "SHORT_BINSTRING"
        case .longBinGet: "LONG_BINGET"
        case .longBinPut: "LONG_BINPUT"
        case .emptyDict: "EMPTY_DICT"
        case .emptyList: "EMPTY_LIST"
        case .emptyTuple: "EMPTY_TUPLE"
        case .emptySet: "EMPTY_SET"
        case .shortBinBytes: "SHORT_BINBYTES"
        case .shortBinUnicode: "SHORT_BINUNICODE"
        case .newObjEx: "NEWOBJ_EX"
        case .stackGlobal: "STACK_GLOBAL"
        case .nextBuffer: "NEXT_BUFFER"
        case .readOnlyBuffer: "READONLY_BUFFER"
        default: "\(self)".uppercased()
        }
    }
}

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
