import JSON
import Platform

/// Takes the JSON of an inference request apart as it comes: the numbers of `inputs[…].data`, of which there may be many, and
/// the little that is left of the text without them.
///
/// Each `data` that is a list leaves an empty one in the text. Whether the rest is JSON at all is for its strict reader to
/// say, so that here it is enough to know strings, and where a list or an object begins and ends.
struct InferenceText {
    /// A list of numbers.
    struct Numbers {
        let array: DecodedArray
        /// Whether all are written as whole numbers.
        let areWhole: Bool
    }

    private enum Token {
        case structure
        case string(JSONStringScanner)
    }

    private enum Container { case object, array }

    private enum Expected { case value, valueOrEnd, commaOrEnd }

    /// Bytes of the text without the numbers.
    private static let maxTextBytes = 128 << 10
    /// `inputs` with every letter escaped has 36 bytes.
    private static let maxNameBytes = 64
    /// A longer number is refused; float32 never needs as many digits.
    private static let maxNumberBytes = 4_096

    private let limits: ArrayLimits
    /// The text without the numbers.
    private(set) var text: [UInt8] = []
    /// The numbers, in the order in which they came.
    private(set) var numbers: [Numbers] = []
    private var containers: [Container] = []
    private var token = Token.structure
    /// Whether the next string of the object is a name.
    private var isNameNext = false
    private var name: [UInt8] = []
    /// Whether the name that was read last leads to the inputs, and in one of these to its numbers.
    private var isOfInputs = false
    private var isOfData = false
    /// The numbers that are being read.
    private var rows: FeatureRows?
    private var expected = Expected.value
    private var areWhole = true
    private var pending: [UInt8] = []
    private var isNumberPending = false
    private var position = 0
    private var countedNumbers = 0
    private var countedInputs = 0

    init(limits: ArrayLimits) { self.limits = limits }

    /// Bytes of memory that it takes so far.
    var heldBytes: Int { (countedNumbers + (rows?.count ?? 0)) * 4 + text.count }

    /// Takes the next bytes in.
    mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        var at = 0
        while at < bytes.count {
            if rows != nil {
                let used = try takeNumbers(bytes.part(at..<bytes.count))
                at += used
                position += used
            } else {
                try takeText(bytes[at])
                at += 1
                position += 1
            }
        }
    }
}

extension InferenceText {
    private mutating func takeText(_ byte: UInt8) throws(ArrayDecodingError) {
        guard text.count < Self.maxTextBytes else {
            throw ArrayDecodingError(
                .excessive,
                "beside the numbers of its inputs the request has more than \(Self.maxTextBytes) bytes of JSON")
        }
        text.append(byte)
        switch token {
        case .string(var scanner):
            switch scanner.take(byte) {
            case .inside:
                token = .string(scanner)
                if name.count <= Self.maxNameBytes { name.append(byte) }
            case .ended:
                token = .structure
                if isNameNext { endName() }
            case .fault(let reason):
                throw ArrayDecodingError(.malformed, "not valid JSON at byte \(position): \(reason)")
            }
        case .structure: try takeStructure(byte)
        }
    }

    private mutating func takeStructure(_ byte: UInt8) throws(ArrayDecodingError) {
        switch byte {
        case UInt8(ascii: "\""):
            name.removeAll(keepingCapacity: true)
            token = .string(JSONStringScanner())
        case UInt8(ascii: "{"):
            try push(.object)
            isNameNext = true
        case UInt8(ascii: "["):
            if isOfData, isInput {
                // Its numbers are told by the place of this empty list.
                text.append(UInt8(ascii: "]"))
                try begin()
            } else {
                try push(.array)
                isNameNext = false
            }
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            _ = containers.popLast()
            if containers.count <= 1 { isOfInputs = false }
            isOfData = false
        case UInt8(ascii: ","):
            isNameNext = containers.last == .object
            isOfData = false
            if containers.count == 1 { isOfInputs = false }
        case UInt8(ascii: ":"): isNameNext = false
        default: break
        }
    }

    /// Whether this is an object in the list of inputs.
    private var isInput: Bool {
        isOfInputs && containers.count == 3 && containers[0] == .object && containers[1] == .array
            && containers[2] == .object
    }

    private mutating func push(_ container: Container) throws(ArrayDecodingError) {
        guard containers.count < limits.maxJSONDepth else {
            throw ArrayDecodingError(
                .malformed, "the JSON nests more than \(limits.maxJSONDepth) levels at byte \(position)")
        }
        if isOfInputs, containers.count == 2 { countedInputs += 1 }
        containers.append(container)
        isOfData = false
    }

    private mutating func endName() {
        let name = name.count <= Self.maxNameBytes ? name.withRawBytes { JSONStringScanner.decode($0) } : ""
        if containers.count == 1 { isOfInputs = name == "inputs" }
        isOfData = isInput && name == "data"
    }
}

extension InferenceText {
    private mutating func begin() throws(ArrayDecodingError) {
        isOfData = false
        areWhole = true
        var limits = ArrayLimits(maxElements: limits.maxElements - countedNumbers)
        limits.maxJSONDepth = self.limits.maxJSONDepth
        var rows = FeatureRows(limits: limits, name: "inputs[\(countedInputs - 1)].data")
        try rows.open()
        self.rows = rows
        expected = .valueOrEnd
    }

    /// - Returns: how many bytes were used; the list may have ended
    private mutating func takeNumbers(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) -> Int {
        var at = 0
        while at < bytes.count {
            let byte = bytes[at]
            if isNumberPending {
                at = try takeNumber(bytes, from: at)
                continue
            }
            if isJSONBlank(byte) {
                at += 1
                continue
            }
            switch (byte, expected) {
            case (UInt8(ascii: ","), .commaOrEnd): expected = .value
            case (UInt8(ascii: "]"), .commaOrEnd), (UInt8(ascii: "]"), .valueOrEnd):
                try rows?.close()
                expected = .commaOrEnd
                if rows?.isOpen == false {
                    end()
                    return at + 1
                }
            case (UInt8(ascii: "["), .value), (UInt8(ascii: "["), .valueOrEnd):
                try rows?.open()
                expected = .valueOrEnd
            case (UInt8(ascii: "-"), .value), (UInt8(ascii: "-"), .valueOrEnd),
                (UInt8(ascii: "0")...UInt8(ascii: "9"), .value), (UInt8(ascii: "0")...UInt8(ascii: "9"), .valueOrEnd):
                at = try takeNumber(bytes, from: at)
                continue
            default: throw fault(byte, at: position + at)
            }
            at += 1
        }
        return at
    }

    /// Reads a number where it lies if its end is in this piece, else keeps what came of it.
    ///
    /// - Returns: where it ends
    private mutating func takeNumber(
        _ bytes: UnsafeRawBufferPointer, from start: Int
    ) throws(ArrayDecodingError) -> Int {
        var end = start
        while end < bytes.count, DecimalNumber.isNumberByte(bytes[end]) { end += 1 }
        let before = isNumberPending ? pending.count : 0
        guard before + end - start <= Self.maxNumberBytes else {
            throw ArrayDecodingError(
                .malformed, "\(rows?.place ?? "") is a number of more than \(Self.maxNumberBytes) characters")
        }
        guard isNumberPending || end == bytes.count else {
            try endNumber(bytes.part(start..<end))
            return end
        }
        if !isNumberPending { pending.removeAll(keepingCapacity: true) }
        isNumberPending = true
        pending.append(contentsOf: bytes[start..<end])
        guard end < bytes.count else { return end }
        isNumberPending = false
        let number = pending
        try number.withRawBytes { text throws(ArrayDecodingError) in try endNumber(text) }
        return end
    }

    private mutating func endNumber(_ text: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        guard let number = DecimalNumber(text) else {
            let shown = quoted(String(decoding: text, as: UTF8.self), limit: 40)
            throw ArrayDecodingError(.malformed, "\(rows?.place ?? "") is \(shown), which is no number in JSON")
        }
        if number.exponent < 0 { areWhole = false }
        try rows?.append(number.float)
        expected = .commaOrEnd
    }

    private mutating func end() {
        guard var rows else { return }
        self.rows = nil
        let array = rows.take()
        countedNumbers += array.values.count
        numbers.append(Numbers(array: array, areWhole: areWhole))
    }

    private func fault(_ byte: UInt8, at position: Int) -> ArrayDecodingError {
        let place = rows?.place ?? ""
        if case .commaOrEnd = expected {
            return ArrayDecodingError(.malformed, "not valid JSON at byte \(position): ',' or ']' was expected")
        }
        let found: String? =
            switch byte {
            case UInt8(ascii: "\""): "a string"
            case UInt8(ascii: "{"): "an object"
            case UInt8(ascii: "t"), UInt8(ascii: "f"): "true or false"
            case UInt8(ascii: "n"): "null"
            case UInt8(ascii: "N"), UInt8(ascii: "I"): "NaN or Infinity, which JSON does not have"
            default: nil
            }
        guard let found else {
            return ArrayDecodingError(.malformed, "not valid JSON at byte \(position): a number or a list was expected")
        }
        return ArrayDecodingError(.unfit, "\(place) is \(found): expected a number")
    }
}
