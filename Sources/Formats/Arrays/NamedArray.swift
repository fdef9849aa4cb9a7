import Platform

/// An array, and the name that it has in the file that holds it with others.
public struct NamedArray: Equatable, Sendable {
    /// The name.
    public var name: String
    /// The array.
    public var array: DecodedArray

    /// An array of that name.
    public init(name: String, array: DecodedArray) {
        self.name = name
        self.array = array
    }
}

extension ArrayDecodingError {
    /// The same, told of a file among others; of nil it is told as it is.
    public func told(of file: String?) -> ArrayDecodingError {
        guard let file else { return self }
        return ArrayDecodingError(kind, "\(quoted(file)): \(description)")
    }
}
