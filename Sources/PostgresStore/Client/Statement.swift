import Jobs
import Platform

/// A statement and its values, which go apart from it: none is ever part of the text.
struct Statement: Sendable {
    let sql: String
    let values: [Value]
    /// Whether a session keeps it ready, under a name, where it may. For calls of functions alone, whose plans are their own: of
    /// others a plan is kept for good that was made while the tables were empty.
    let isKept: Bool

    init(_ sql: String, _ values: [Value] = [], isKept: Bool = false) {
        self.sql = sql
        self.values = values
        self.isKept = isKept
    }

    /// The bytes of the values.
    var bytes: Int { values.reduce(0) { $0 + ($1.bytes?.count ?? 0) } }
}

/// A value in PostgreSQL's binary form.
struct Value: Sendable {
    /// PostgreSQL's numbers of its types.
    enum Kind: UInt32, Sendable {
        case bool = 16
        case bytea = 17
        case int8 = 20
        case byteaArray = 1_001
        case int8Array = 1_016
    }

    let kind: Kind
    /// Nil for NULL.
    let bytes: [UInt8]?

    private init(_ kind: Kind, _ bytes: [UInt8]?) {
        self.kind = kind
        self.bytes = bytes
    }

    static func int(_ number: Int64?) -> Value { Value(.int8, number.map { bigEndian($0) }) }
    static func int(_ number: Int?) -> Value { int(number.map(Int64.init)) }
    static func bool(_ truth: Bool) -> Value { Value(.bool, [truth ? 1 : 0]) }
    static func blob(_ bytes: [UInt8]?) -> Value { Value(.bytea, bytes) }
    /// Texts are kept as the bytes they are: they may have a zero, which PostgreSQL's own can't, and are compared by no rules.
    static func text(_ text: String?) -> Value { Value(.bytea, text.map { Array($0.utf8) }) }
    static func id(_ id: JobID?) -> Value { Value(.bytea, id?.bytes) }

    static func ids(_ ids: some Sequence<JobID>) -> Value { blobs(ids.map(\.bytes)) }
    static func texts(_ texts: some Sequence<String>) -> Value { blobs(texts.map { Array($0.utf8) }) }
    static func blobs(_ blobs: [[UInt8]]) -> Value { Value(.byteaArray, array(of: .bytea, blobs)) }
    static func ints(_ numbers: some Sequence<Int64>) -> Value {
        Value(.int8Array, array(of: .int8, numbers.map(bigEndian)))
    }

    private static func bigEndian(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    /// One dimension that begins at 1, without NULLs.
    private static func array(of kind: Kind, _ elements: [[UInt8]]) -> [UInt8] {
        var bytes = bigEndian(Int32(elements.isEmpty ? 0 : 1)) + bigEndian(Int32(0)) + bigEndian(kind.rawValue)
        guard !elements.isEmpty else { return bytes }
        bytes += bigEndian(Int32(elements.count)) + bigEndian(Int32(1))
        for element in elements {
            bytes += bigEndian(Int32(element.count))
            bytes += element
        }
        return bytes
    }
}

/// What a statement gave.
struct Rows {
    /// The rows' values, one after another; nil for NULL.
    let values: [[UInt8]?]
    let width: Int
    /// How many rows were changed, or found.
    let affected: Int

    var count: Int { width == 0 ? 0 : values.count / width }

    subscript(row: Int) -> Row { Row(values: values[row * width..<(row + 1) * width]) }

    var first: Row? { count > 0 ? self[0] : nil }

    func map<Value>(_ body: (Row) throws(PostgresError) -> Value) throws(PostgresError) -> [Value] {
        var mapped: [Value] = []
        mapped.reserveCapacity(count)
        for row in 0..<count { mapped.append(try body(self[row])) }
        return mapped
    }
}

/// One row. What is not there or is of another kind is `unreadable`, never a trap.
struct Row {
    let values: ArraySlice<[UInt8]?>

    private func value(_ column: Int) throws(PostgresError) -> [UInt8]? {
        guard values.indices.contains(values.startIndex + column) else {
            throw .unreadable("a row has \(values.count) columns, too few")
        }
        return values[values.startIndex + column]
    }

    func optionalInt(_ column: Int) throws(PostgresError) -> Int64? {
        guard let bytes = try value(column) else { return nil }
        switch bytes.count {
        case 1: return Int64(bytes[0])
        case 2, 4, 8:
            let bits = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let spare = UInt64(64 - 8 * bytes.count)
            return Int64(bitPattern: bits << spare) >> Int64(spare)
        default: throw .unreadable("column \(column) is no number")
        }
    }

    func int(_ column: Int) throws(PostgresError) -> Int64 {
        guard let number = try optionalInt(column) else { throw .unreadable("column \(column) is NULL") }
        return number
    }

    func count(_ column: Int) throws(PostgresError) -> Int { Int(try int(column)) }
    func bool(_ column: Int) throws(PostgresError) -> Bool { try int(column) != 0 }
    func optionalBytes(_ column: Int) throws(PostgresError) -> [UInt8]? { try value(column) }

    func bytes(_ column: Int) throws(PostgresError) -> [UInt8] {
        guard let bytes = try value(column) else { throw .unreadable("column \(column) is NULL") }
        return bytes
    }

    func optionalText(_ column: Int) throws(PostgresError) -> String? {
        guard let bytes = try value(column) else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .unreadable("column \(column) is no text")
        }
        return text
    }

    func text(_ column: Int) throws(PostgresError) -> String {
        guard let text = try optionalText(column) else { throw .unreadable("column \(column) is NULL") }
        return text
    }

    func optionalID(_ column: Int) throws(PostgresError) -> JobID? {
        guard let bytes = try value(column) else { return nil }
        guard let id = JobID(bytes: bytes) else { throw .unreadable("column \(column) is no ID") }
        return id
    }

    func id(_ column: Int) throws(PostgresError) -> JobID {
        guard let id = try optionalID(column) else { throw .unreadable("column \(column) is NULL") }
        return id
    }

    /// The elements of an array of texts, none for NULL.
    func texts(_ column: Int) throws(PostgresError) -> [String] {
        guard try optionalBytes(column) != nil else { return [] }
        var texts: [String] = []
        for bytes in try blobs(column) {
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw .unreadable("column \(column) has what is no text")
            }
            texts.append(text)
        }
        return texts
    }

    /// The elements of an array of bytea.
    func blobs(_ column: Int) throws(PostgresError) -> [[UInt8]] {
        let bytes = try bytes(column)
        var rest = bytes[...]
        func number() throws(PostgresError) -> Int {
            guard rest.count >= 4 else { throw .unreadable("column \(column) is no array") }
            defer { rest = rest.dropFirst(4) }
            return Int(Int32(bitPattern: rest.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }))
        }
        guard try number() == 1 else { return [] }
        _ = try (number(), number())
        let count = try number()
        _ = try number()
        var elements: [[UInt8]] = []
        for _ in 0..<max(count, 0) {
            let length = try number()
            guard (0...rest.count).contains(length) else { throw .unreadable("column \(column) is no array") }
            elements.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return elements
    }
}
