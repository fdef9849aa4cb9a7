import Formats
import Platform

/// Why a list, annotations or features can't be used, in one sentence that names the file and, where it has one, the line.
public struct DatasetError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The sort of fault.
    public enum Kind: Equatable, Sendable {
        /// A file or folder that is to be read and can't be.
        case noInput
        /// What is in a file.
        case badData
    }

    /// The sort of fault.
    public let kind: Kind
    /// The sentence.
    public let description: String

    /// A fault of this sort, told in one sentence.
    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    init(_ error: FileError) { self.init(.noInput, error.description) }
}
