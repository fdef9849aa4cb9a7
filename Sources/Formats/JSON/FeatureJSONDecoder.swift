import JSON
import Platform

/// Decodes `{"features": [[1.0, …], …]}`, strict JSON (RFC 8259).
///
/// Other members are checked, and kept for whoever asked for them, up to a few bytes. Numbers are rounded to the nearest
/// float32. Lists of lists of lists give three axes, a plain list of numbers gives one.
public struct FeatureJSONDecoder: ArrayDecoder {
    private enum Token {
        case structure
        case string(JSONStringScanner, isName: Bool)
        case number
        case word(StaticString, matched: Int)
    }

    private enum Expected {
        case value, valueOrEnd, name, nameOrEnd, colon, commaOrEnd, end
    }

    private enum Container { case object, array }

    private let limits: ArrayLimits
    private var keepsMembers: Bool
    private let defersFaults: Bool
    private var token = Token.structure
    private var expected = Expected.value
    private var containers: [Container] = []
    /// The number, or the top-level name, whose end has not come.
    private var pending: [UInt8] = []
    private var isNumberPending = false
    private var rows: FeatureRows
    private var isInFeatures = false
    private var hasFeatures = false
    private var position = 0
    /// Bytes of a byte order mark at the front.
    private var markBytes = 0
    private var failure: ArrayDecodingError?
    /// The name of the member that is being kept, and what came of its value.
    private var memberName: String?
    private var memberText: [UInt8] = []
    private var keptBytes = 0
    /// What stands beside `features`, if it is kept. A name may occur twice.
    public private(set) var members: [JSONValue.Member] = []
    /// Which of them could not be kept, and why, where that is for later; those behind it are passed over.
    public private(set) var memberFault: (name: String, error: ArrayDecodingError)?

    /// A longer number is refused; float32 never needs as many digits.
    private static let maxNumberBytes = 4096
    /// `features` with every letter escaped has 48 bytes, so a name longer than this is another.
    private static let maxNameBytes = 64

    /// Bytes that the members beside `features` may have together, if they are kept.
    private static let maxMemberBytes = 64 << 10
    private static let maxMembers = 100
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// A decoder that has seen nothing.
    ///
    /// - Parameters:
    ///   - limits: what may be asked of memory
    ///   - width: numbers a row; where it is known, rows far beyond it are refused before they have ended
    ///   - keepsMembers: whether what stands beside `features` is wanted
    ///   - defersFaults: whether it is an error only later, or none, if there is too much of that
    public init(
        limits: ArrayLimits = ArrayLimits(), width: Int? = nil, keepsMembers: Bool = false, defersFaults: Bool = false
    ) {
        self.limits = limits
        self.defersFaults = defersFaults
        self.keepsMembers = keepsMembers
        self.rows = FeatureRows(limits: limits, width: width)
    }

    /// Takes the next bytes in.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        if let failure { throw failure }
        let start = position
        do throws(ArrayDecodingError) {
            while position - start < bytes.count {
                let before = position - start
                let isKept = isInMember
                switch token {
                case .structure: try takeStructure(bytes[position - start])
                case .string: try takeString(bytes[position - start])
                case .word: try takeWord(bytes[position - start])
                case .number: try takeNumber(bytes.part(position - start..<bytes.count))
                }
                if isKept { try keep(bytes.part(before..<position - start)) }
            }
        } catch {
            failure = error
            throw error
        }
    }

    /// Bytes of the numbers so far.
    public var heldBytes: Int { rows.count * 4 }

    /// The array under `features`.
    public mutating func finish() throws(ArrayDecodingError) -> DecodedArray {
        if let failure { throw failure }
        guard case .end = expected else {
            throw ArrayDecodingError(.truncated, "the JSON ends after \(position) bytes, before its last '}'")
        }
        guard hasFeatures else {
            let others = members.prefix(5).map { quoted($0.name) }.joined(separator: ", ")
            throw ArrayDecodingError(
                .missing, "the JSON object has no member 'features'" + (others.isEmpty ? "" : " but \(others)"))
        }
        return rows.take()
    }
}

extension FeatureJSONDecoder {
    private mutating func takeStructure(_ byte: UInt8) throws(ArrayDecodingError) {
        // Some editors and .NET begin a text so; RFC 8259 lets readers pass over it.
        let isMark = position < 3 && byte == Self.byteOrderMark[position] && markBytes == position
        if isMark {
            markBytes += 1
        } else if !isJSONBlank(byte) {
            switch expected {
            case .value where markBytes == 1 || markBytes == 2: throw fault(byte, "the rest of a byte order mark")
            case .value: try beginValue(byte)
            case .valueOrEnd:
                if byte == UInt8(ascii: "]") { try endContainer() } else { try beginValue(byte) }
            case .name, .nameOrEnd: try beginName(byte)
            case .colon:
                guard byte == UInt8(ascii: ":") else { throw fault(byte, "':' after a name") }
                expected = .value
            case .commaOrEnd: try takeCommaOrEnd(byte)
            case .end: throw fault(byte, "nothing after the object")
            }
        }
        position += 1
    }

    private mutating func beginValue(_ byte: UInt8) throws(ArrayDecodingError) {
        guard !containers.isEmpty || byte == UInt8(ascii: "{") else {
            throw fault(byte, "an object, {\"features\": [[…], …]}")
        }
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            if isInFeatures && !rows.isOpen { throw notNumbers("a number") }
            token = .number
            // The number is read from its first byte by `takeNumber`, so this byte is not passed yet.
            position -= 1
        case UInt8(ascii: "["):
            if isInFeatures { try rows.open() }
            try push(.array)
            expected = .valueOrEnd
        case UInt8(ascii: "{"):
            if isInFeatures { throw notNumbers("an object") }
            try push(.object)
            expected = .nameOrEnd
        case UInt8(ascii: "\""):
            if isInFeatures { throw notNumbers("a string") }
            token = .string(JSONStringScanner(), isName: false)
        case UInt8(ascii: "t"): try beginWord("true")
        case UInt8(ascii: "f"): try beginWord("false")
        case UInt8(ascii: "n"): try beginWord("null")
        case UInt8(ascii: "N"), UInt8(ascii: "I"):
            throw ArrayDecodingError(
                .malformed, "\(valuePlace) is NaN or Infinity (byte \(position)), which JSON does not have")
        default: throw fault(byte, "a value")
        }
    }

    private mutating func beginName(_ byte: UInt8) throws(ArrayDecodingError) {
        if byte == UInt8(ascii: "}"), case .nameOrEnd = expected { return try endContainer() }
        guard byte == UInt8(ascii: "\"") else { throw fault(byte, "a name in double quotes") }
        pending.removeAll(keepingCapacity: true)
        token = .string(JSONStringScanner(), isName: true)
    }

    private mutating func beginWord(_ word: StaticString) throws(ArrayDecodingError) {
        if isInFeatures { throw notNumbers("\(word)") }
        token = .word(word, matched: 1)
    }

    private mutating func takeCommaOrEnd(_ byte: UInt8) throws(ArrayDecodingError) {
        let isObject = containers.last == .object
        switch byte {
        case UInt8(ascii: ","): expected = isObject ? .name : .value
        case UInt8(ascii: "}") where isObject, UInt8(ascii: "]") where !isObject: try endContainer()
        default: throw fault(byte, isObject ? "',' or '}'" : "',' or ']'")
        }
    }

    private mutating func push(_ container: Container) throws(ArrayDecodingError) {
        guard containers.count < limits.maxJSONDepth else {
            throw ArrayDecodingError(
                .malformed, "the JSON nests more than \(limits.maxJSONDepth) levels at byte \(position)")
        }
        containers.append(container)
    }

    private mutating func endContainer() throws(ArrayDecodingError) {
        containers.removeLast()
        if isInFeatures { try rows.close() }
        endValue()
    }

    private mutating func endValue() {
        if containers.count == 1 { isInFeatures = false }
        expected = containers.isEmpty ? .end : .commaOrEnd
    }
}

extension FeatureJSONDecoder {
    private mutating func takeString(_ byte: UInt8) throws(ArrayDecodingError) {
        guard case .string(var scanner, let isName) = token else { return }
        switch scanner.take(byte) {
        case .inside:
            token = .string(scanner, isName: isName)
            if isName && containers.count == 1 && pending.count < FeatureJSONDecoder.maxNameBytes {
                pending.append(byte)
            }
        case .ended:
            token = .structure
            if isName { try endName() } else { endValue() }
        case .fault(let reason):
            throw ArrayDecodingError(.malformed, "not valid JSON at byte \(position): \(reason)")
        }
        position += 1
    }

    private mutating func endName() throws(ArrayDecodingError) {
        expected = .colon
        let isWhole = pending.count < FeatureJSONDecoder.maxNameBytes
        guard containers.count == 1 else { return }
        guard isWhole, pending.withRawBytes({ JSONStringScanner.decode($0) }) == "features" else {
            if keepsMembers { beginMember(isWhole: isWhole) }
            return
        }
        guard !hasFeatures else {
            throw ArrayDecodingError(.malformed, "the JSON object has 'features' twice (byte \(position))")
        }
        hasFeatures = true
        isInFeatures = true
    }

    /// A name that was cut is no known one; neither is one that was cut within an escape, so that it is shown as it came.
    private mutating func beginMember(isWhole: Bool) {
        memberName =
            isWhole
            ? pending.withRawBytes { JSONStringScanner.decode($0) } : String(decoding: pending, as: UTF8.self) + "…"
        memberText.removeAll(keepingCapacity: true)
    }

    /// Whether what comes next belongs to the value of a member that is kept.
    private var isInMember: Bool {
        guard memberName != nil else { return false }
        if case .colon = expected, containers.count == 1 { return false }
        return true
    }

    /// Keeps what has come of a member, and the member once its value has ended.
    private mutating func keep(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        guard let name = memberName else { return }
        do throws(ArrayDecodingError) { try keep(bytes, of: name) } catch {
            guard defersFaults else { throw error }
            memberFault = (name, error)
            keepsMembers = false
            memberName = nil
        }
    }

    private mutating func keep(_ bytes: UnsafeRawBufferPointer, of name: String) throws(ArrayDecodingError) {
        keptBytes += bytes.count
        guard keptBytes <= Self.maxMemberBytes, members.count < Self.maxMembers else {
            guard hasFeatures else {
                throw ArrayDecodingError(
                    .unfit,
                    "the JSON has no member 'features' before \(quoted(name)), which is no parameter for its length: "
                        + "expected the matrix in 'features'")
            }
            throw ArrayDecodingError(
                .unfit,
                "the JSON has too much beside 'features', \(quoted(name)) for one: expected parameters of at most "
                    + "\(Self.maxMemberBytes) bytes together")
        }
        memberText.append(contentsOf: bytes)
        guard containers.count == 1, case .commaOrEnd = expected, case .structure = token else { return }
        memberName = nil
        do throws(JSONError) {
            members.append(JSONValue.Member(name: name, value: try JSONReader.parse(memberText)))
        } catch {
            throw ArrayDecodingError(.malformed, "the JSON's member \(quoted(name)) is \(error)")
        }
    }

    private mutating func takeWord(_ byte: UInt8) throws(ArrayDecodingError) {
        guard case .word(let word, let matched) = token else { return }
        let isRight = word.withUTF8Buffer { $0[matched] == byte }
        guard isRight else { throw fault(byte, "the word '\(word)'") }
        position += 1
        if matched + 1 == word.utf8CodeUnitCount {
            token = .structure
            endValue()
        } else {
            token = .word(word, matched: matched + 1)
        }
    }

    /// Reads a number where it lies if its end is in this piece, else keeps what came of it.
    private mutating func takeNumber(_ rest: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        var length = 0
        while length < rest.count, DecimalNumber.isNumberByte(rest[length]) { length += 1 }
        let before = isNumberPending ? pending.count : 0
        guard before + length <= FeatureJSONDecoder.maxNumberBytes else { throw longNumber() }
        if length == rest.count || isNumberPending {
            if !isNumberPending { pending.removeAll(keepingCapacity: true) }
            isNumberPending = true
            pending.append(contentsOf: rest[..<length])
            position += length
            guard length < rest.count else { return }
            let number = pending
            isNumberPending = false
            try number.withRawBytes { text throws(ArrayDecodingError) in try endNumber(text, next: rest[length]) }
        } else {
            position += length
            try endNumber(rest.part(0..<length), next: rest[length])
        }
    }

    private mutating func endNumber(_ text: UnsafeRawBufferPointer, next: UInt8) throws(ArrayDecodingError) {
        token = .structure
        guard let number = DecimalNumber(text) else {
            let shown = String(decoding: text, as: UTF8.self)
            if shown == "-" && next == UInt8(ascii: "I") { return try beginValue(next) }
            throw ArrayDecodingError(
                .malformed,
                "\(valuePlace) is \(quoted(shown, limit: 40)), which is no number in JSON (byte \(position))")
        }
        if isInFeatures { try rows.append(number.float) }
        endValue()
    }

    private var valuePlace: String { isInFeatures ? rows.place : "a value" }

    private func longNumber() -> ArrayDecodingError {
        let limit = FeatureJSONDecoder.maxNumberBytes
        return ArrayDecodingError(.malformed, "\(valuePlace) is a number of more than \(limit) characters")
    }

    private func notNumbers(_ found: String) -> ArrayDecodingError {
        let expected = rows.isOpen ? "a number was expected" : "a list of rows was expected"
        return ArrayDecodingError(.unfit, "\(rows.place) is \(found); \(expected)")
    }

    private func fault(_ byte: UInt8, _ expected: String) -> ArrayDecodingError {
        let isPrintable = byte > 0x20 && byte < 0x7F
        let found = isPrintable ? "'\(Character(Unicode.Scalar(byte)))'" : "the byte \(byte)"
        return ArrayDecodingError(
            .malformed, "not valid JSON at byte \(position): \(found) where \(expected) was expected")
    }
}
