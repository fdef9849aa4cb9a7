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

/// Why a version goes on being served.
public enum RetirementError: Error, Sendable, Equatable, CustomStringConvertible {
    /// It was not served.
    case notServed(String)
    /// It is the default, and there is no other of its name.
    case isDefault(String)

    /// What was wrong.
    public var description: String {
        switch self {
        case .notServed(let name): "this version of '\(name)' is not served"
        case .isDefault(let name): "'\(name)' is the default, and this is its only version: add another before"
        }
    }
}
