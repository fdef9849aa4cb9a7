import Platform

/// A client's wishes about how it is answered: the value of Prefer (RFC 7240).
public struct PreferHeader: Sendable, Equatable {
    private var preferences: [ByteText: String] = [:]

    /// Reads the field's value; of a preference that is repeated, the first one counts. Malformed ones are passed over.
    public init(_ text: String?) {
        var scanner = FieldScanner(text ?? "")
        while !scanner.isAtEnd {
            scanner.skipBlanks()
            if let name = scanner.token().map(ASCII.lowercased) {
                let value = scanner.take(ASCII.equals) ? scanner.value() : nil
                if preferences[name] == nil { preferences[name] = value ?? "" }
            }
            scanner.skipElement()
            _ = scanner.take(ASCII.comma)
        }
    }

    /// The value of a preference, empty where it has none; nil where it is not asked for. `name` is in lower case.
    public subscript(name: String) -> String? { preferences[name] }

    /// What a client says of how long it would wait for the answer.
    public enum Wait: Sendable, Equatable {
        case seconds(Double)
        /// It asks, but not in seconds.
        case unreadable
    }

    /// How long the client would wait for the answer; nil where it does not ask.
    public var wait: Wait? {
        preferences["wait"].map { text in Self.seconds(text).map { .seconds($0) } ?? .unreadable }
    }

    /// Seconds in digits, perhaps with decimals behind a dot; nil for anything else.
    public static func seconds(_ text: String) -> Double? {
        let parts = text.utf8.split(separator: ASCII.dot, omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(ASCII.isDigit) }) else { return nil }
        return Double(text)
    }
}
