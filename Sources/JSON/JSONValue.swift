/// A JSON value as it was written.
public enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    /// The number's own characters, so that no digit is lost; see ``double`` and ``integer``.
    case number(String)
    case string(String)
    case array([JSONValue])
    /// Members in the order they came; no name occurs twice.
    case object([Member])

    /// One name and its value.
    public struct Member: Equatable, Sendable {
        /// The name.
        public var name: String
        /// The value.
        public var value: JSONValue

        /// A member.
        public init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    /// Whether both are written alike: text is compared by its bytes.
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)), (.string(let left), .string(let right)):
            left.utf8.elementsEqual(right.utf8)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)):
            left.elementsEqual(right) { $0.name.utf8.elementsEqual($1.name.utf8) && $0.value == $1.value }
        default: false
        }
    }

    /// The member of that name, where this is an object that has it.
    public subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
    }

    /// The number, rounded to double; nil where this is no number or is beyond double's range.
    public var double: Double? {
        guard case .number(let text) = self, let value = Double(text), value.isFinite else { return nil }
        return value
    }

    /// The number, where it is written as an integer and fits.
    public var integer: Int? {
        guard case .number(let text) = self else { return nil }
        return Int(text)
    }

    /// The text, where this is a string.
    public var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The elements, where this is an array.
    public var array: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }
}

/// Why text is not JSON, or not JSON that the limits allow.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Where the fault is, in bytes from the start.
    public var position: Int
    /// What was found or expected.
    public var reason: String

    /// One sentence.
    public var description: String { "not valid JSON at byte \(position): \(reason)" }
}
