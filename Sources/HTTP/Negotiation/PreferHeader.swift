/// A client's wishes about how it is answered: the value of Prefer (RFC 7240).
public struct PreferHeader: Sendable, Equatable {
    private var preferences: [String: String] = [:]

    /// Reads the field's value; of a preference that is repeated, the first one counts. Malformed ones are passed over.
    public init(_ text: String?) {
        var scanner = FieldScanner(text ?? "")
        while !scanner.isAtEnd {
            scanner.skipBlanks()
            if let name = scanner.token()?.lowercased() {
                let value = scanner.take(ASCII.equals) ? scanner.value() : ""
                if let value, preferences[name] == nil { preferences[name] = value }
            }
            scanner.skipElement()
            _ = scanner.take(ASCII.comma)
        }
    }

    /// The value of a preference, empty where it has none; nil where it is not asked for. `name` is in lower case.
    public subscript(name: String) -> String? { preferences[name] }

    /// How many seconds the client would wait for the answer; nil where it does not say so in digits.
    public var wait: Int? {
        guard let text = preferences["wait"], !text.isEmpty, text.utf8.allSatisfy(ASCII.isDigit) else { return nil }
        return Int(text) ?? Int.max
    }
}
