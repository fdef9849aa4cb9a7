import Platform

/// Why a safetensors file could not be read or written.
public enum SafetensorsError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The header breaks the format's rules, or does not fit the data.
    case malformed(String)
    /// There is no tensor of that name.
    case missing(name: String)
    /// The tensor has another shape than the one asked for.
    case shape(name: String, expected: [Int], found: [Int])
    /// What was to be written does not fit together.
    case unwritable(String)

    /// One sentence.
    public var description: String {
        switch self {
        case .malformed(let reason): "not a valid safetensors file: \(reason)"
        case .missing(let name): "the safetensors file has no tensor \(quoted(name))"
        case .shape(let name, let expected, let found):
            "the tensor \(quoted(name)) has the shape \(found), and \(expected) was expected"
        case .unwritable(let reason): "cannot write safetensors: \(reason)"
        }
    }
}
