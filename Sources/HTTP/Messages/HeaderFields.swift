public import HTTPTypes

/// The fields of a request's header section, in the order they came.
///
/// All of them live in the one buffer that the head was read into; a field is two ranges of it, so that a request
/// with many fields costs two allocations. Names are kept in lower case.
public struct HeaderFields: Sendable {
    /// Where in `bytes` a field's name and its trimmed value are.
    struct Entry: Sendable {
        var nameStart: UInt32
        var nameEnd: UInt32
        var valueStart: UInt32
        var valueEnd: UInt32

        var name: Range<Int> { Int(nameStart)..<Int(nameEnd) }
        var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }
    }

    let bytes: [UInt8]
    let entries: [Entry]
    /// The lengths of all names, a bit each, so that most names which are not there cost one look.
    private let lengths: UInt64

    /// No fields at all.
    public init() { self.init(bytes: [], entries: []) }

    init(bytes: [UInt8], entries: [Entry]) {
        self.bytes = bytes
        self.entries = entries
        lengths = entries.reduce(0) { $0 | Self.mark(Int($1.nameEnd &- $1.nameStart)) }
    }

    /// The bit of a length; all that are long share the last one.
    private static func mark(_ length: Int) -> UInt64 { 1 &<< UInt64(Swift.min(length, 63)) }

    /// Fields from pairs of name and value, for tests of handlers.
    public init(_ fields: [(name: HTTPField.Name, value: String)]) {
        var bytes: [UInt8] = []
        var entries: [Entry] = []
        for field in fields {
            let start = UInt32(bytes.count)
            bytes += field.name.canonicalName.utf8
            let middle = UInt32(bytes.count)
            bytes += field.value.utf8
            entries.append(
                Entry(nameStart: start, nameEnd: middle, valueStart: middle, valueEnd: UInt32(bytes.count)))
        }
        self.init(bytes: bytes, entries: entries)
    }

    /// The field's value; where it is repeated, all of them joined by a comma and a space (RFC 9110, 5.3).
    public subscript(name: HTTPField.Name) -> String? {
        guard mayHave(name) else { return nil }
        var combined: String?
        for entry in entries where matches(entry, name) {
            let value = string(entry.value)
            combined = combined.map { "\($0), \(value)" } ?? value
        }
        return combined
    }

    /// Each line's value of this name, in order.
    public func values(for name: HTTPField.Name) -> [String] {
        guard mayHave(name) else { return [] }
        return entries.filter { matches($0, name) }.map { string($0.value) }
    }

    /// Whether there is at least one line of this name.
    public func contains(_ name: HTTPField.Name) -> Bool {
        mayHave(name) && entries.contains { matches($0, name) }
    }

    private func mayHave(_ name: HTTPField.Name) -> Bool {
        lengths & Self.mark(name.canonicalName.utf8.count) != 0
    }

    private func matches(_ entry: Entry, _ name: HTTPField.Name) -> Bool {
        let wanted = name.canonicalName.utf8
        return entry.name.count == wanted.count && bytes[entry.name].elementsEqual(wanted)
    }

    private func string(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }
}

extension HeaderFields: RandomAccessCollection {
    /// A field line: its name in lower case, and its value without the blanks around it.
    public typealias Element = (name: String, value: String)

    /// The position of the first field.
    public var startIndex: Int { 0 }
    /// The position after the last field.
    public var endIndex: Int { entries.count }

    /// The field line at a position.
    public subscript(position: Int) -> Element {
        (string(entries[position].name), string(entries[position].value))
    }
}
