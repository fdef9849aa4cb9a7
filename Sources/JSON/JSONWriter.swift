/// Writes JSON (RFC 8259) into bytes: commas and escapes are its business, the structure is the caller's.
///
/// Numbers that are not finite have no form in JSON and are written as null.
public struct JSONWriter: Sendable {
    /// What has been written.
    public internal(set) var bytes: [UInt8] = []
    var needsComma = false

    /// An empty document.
    public init(reserving capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    /// The document that `body` writes, as text.
    public static func text(_ body: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        body(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The document that `body` writes.
    public static func document(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        body(&writer)
        return writer.bytes
    }

    /// An object whose members `body` writes.
    public mutating func object(_ body: (inout JSONWriter) -> Void) {
        enclose("{", "}", body)
    }

    /// An array with what `body` writes for each item.
    public mutating func array<S: Sequence>(_ items: S, _ body: (inout JSONWriter, S.Element) -> Void) {
        enclose("[", "]") { writer in for item in items { body(&writer, item) } }
    }

    /// A member's name; its value is written next.
    public mutating func key(_ name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// A member whose value is text, or null.
    public mutating func member(_ name: String, _ value: String?) {
        key(name)
        if let value { string(value) } else { null() }
    }

    /// A member whose value is a whole number, or null.
    public mutating func member(_ name: String, _ value: Int?) {
        key(name)
        if let value { number(value) } else { null() }
    }

    /// A member whose value is a number, or null.
    public mutating func member(_ name: String, _ value: Double?) {
        key(name)
        if let value { number(value) } else { null() }
    }

    /// A member whose value is a number that reads back to the same float32.
    public mutating func member(_ name: String, _ value: Float) {
        key(name)
        number(value)
    }

    /// A member whose value is a list of texts.
    public mutating func member(_ name: String, _ values: [String]) {
        key(name)
        array(values) { $0.string($1) }
    }

    /// A member whose value is true or false.
    public mutating func member(_ name: String, _ value: Bool) {
        key(name)
        separate()
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
    }

    /// A whole number.
    public mutating func number(_ value: Int) {
        separate()
        bytes.append(contentsOf: value.description.utf8)
    }

    /// The shortest decimal that reads back to the same number; whole numbers without a fraction.
    public mutating func number(_ value: Double) {
        guard value.isFinite else { return null() }
        separate()
        if let whole = Int(exactly: value), abs(whole) < 1 << 53 {
            bytes.append(contentsOf: whole.description.utf8)
        } else {
            bytes.append(contentsOf: value.description.utf8)
        }
    }

    /// null.
    public mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
    }

    /// A value that is JSON already.
    public mutating func raw(_ json: [UInt8]) {
        separate()
        bytes.append(contentsOf: json)
    }

    /// Text, escaped where JSON asks for it.
    public mutating func string(_ text: String) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20, 0x7F: escape(byte)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        let digits = Array("0123456789abcdef".utf8)
        bytes.append(contentsOf: "\\u00".utf8)
        bytes.append(digits[Int(byte >> 4)])
        bytes.append(digits[Int(byte & 15)])
    }

    mutating func enclose(_ open: Unicode.Scalar, _ close: Unicode.Scalar, _ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: open))
        needsComma = false
        body(&self)
        bytes.append(UInt8(ascii: close))
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }
}
