import Platform

/// Why nothing was found under what somebody asked for.
public enum ModelLookupError: Error, Sendable, Equatable, CustomStringConvertible {
    /// There is no model of this name; the names that there are.
    case unknownName(String, served: [String])
    /// The model has no version whose digest begins so; the digests that there are.
    case unknownVersion(String, served: [String])
    /// Several versions have digests that begin so; which.
    case ambiguous(String, [String])

    /// What was wrong, and what was expected.
    public var description: String {
        switch self {
        case .unknownName(let text, let served):
            "no model is called '\(text.prefix(100))': expected \(Self.list(served.map { "'\($0)'" }))"
        case .unknownVersion(let text, let served):
            "no version is '\(text.prefix(100))': expected the first digits of \(Self.list(served))"
        case .ambiguous(let text, let digests):
            "'\(text.prefix(100))' is several versions: expected more digits of \(Self.list(digests))"
        }
    }

    private static func list(_ texts: [String]) -> String { texts.joined(separator: ", or ") }
}

/// Why a name goes on being served, or was not.
public enum RetirementError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Nothing is served by it.
    case notServed(String)
    /// It is the default's.
    case isDefault(String)

    /// What was wrong.
    public var description: String {
        switch self {
        case .notServed(let name): "nothing is served as '\(name)'"
        case .isDefault(let name): "'\(name)' is the default, which stays"
        }
    }
}
