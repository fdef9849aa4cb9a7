import Platform

/// Why a PyTorch checkpoint could not be read.
public enum CheckpointError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file is something else, or a sort of checkpoint that is not read here.
    case notACheckpoint(path: String, reason: String)
    /// The zip archive around it is at fault.
    case archive(path: String, ZipError)
    /// The description of the tensors is at fault, or asks for what no checkpoint needs.
    case pickle(path: String, PickleError)
    /// A tensor does not fit its storage, or is of a kind that is not read here.
    case tensor(name: String, reason: String)
    /// There is no tensor of that name.
    case missing(name: String)
    /// The tensor has another shape than the one asked for.
    case shape(name: String, expected: [Int], found: [Int])

    /// One sentence.
    public var description: String {
        switch self {
        case .notACheckpoint(let path, let reason): "\(path) \(reason)"
        case .archive(let path, let error): "\(path): \(error)"
        case .pickle(let path, let error): "\(path): \(error)"
        case .tensor(let name, let reason): "the tensor \(quoted(name)) \(reason)"
        case .missing(let name): "the checkpoint has no tensor \(quoted(name))"
        case .shape(let name, let expected, let found):
            "the tensor \(quoted(name)) has the shape \(found), and \(expected) was expected"
        }
    }
}

/// How much of a checkpoint is taken.
public struct CheckpointLimits: Equatable, Sendable {
    /// Entries of the archive.
    public var zip = ZipLimits()
    /// The work of reading the pickle.
    public var pickle = PickleLimits()
    /// Bytes of the pickle.
    public var maxPickleBytes = 32 << 20
    /// Bytes of one storage.
    public var maxStorageBytes = 8 << 30
    /// Elements of one tensor that is read; 256 Mi are 1 GiB of float32.
    public var maxTensorElements = 256 << 20

    /// The usual limits.
    public init() {}
}
