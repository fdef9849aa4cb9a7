/// Why a file could not be opened, read or written.
public enum FileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Nothing is at this path.
    case noSuchFile(path: String)
    /// Something is there, and the system refuses to open it.
    case notReadable(path: String, reason: String)
    /// A directory, a pipe, a socket or a device, named in `found`.
    case notARegularFile(path: String, found: String)
    /// A file can't be created at this path.
    case notWritable(path: String, reason: String)
    /// Another call of the system failed.
    case failed(operation: String, path: String, reason: String)

    /// One sentence with the path and the system's words.
    public var description: String {
        switch self {
        case .noSuchFile(let path): "\(path): no such file"
        case .notReadable(let path, let reason): "\(path) cannot be opened: \(reason)"
        case .notARegularFile(let path, let found): "\(path) is \(found), not a regular file"
        case .notWritable(let path, let reason): "'\(path)' can't be written: \(reason)"
        case .failed(let operation, let path, let reason): "cannot \(operation) \(path): \(reason)"
        }
    }

    /// Whether a call failed for one of these reasons of the system.
    package func isOf(_ codes: CInt...) -> Bool {
        guard case .failed(_, _, let reason) = self else { return false }
        return codes.contains { errnoText($0).hasBytes(of: reason) }
    }

    /// Whether the disk, or what the user may have of it, is full.
    package var isOfFullDisk: Bool { isOf(ENOSPC, EDQUOT) }

    /// Turns the `errno` of a failed call into an error; read it before any other call is made.
    package static func fromErrno(_ code: CInt, _ operation: String, _ path: String) -> FileError {
        switch code {
        case ENOENT, ENOTDIR: .noSuchFile(path: path)
        case EACCES, EPERM, ELOOP, ENAMETOOLONG: .notReadable(path: path, reason: errnoText(code))
        default: .failed(operation: operation, path: path, reason: errnoText(code))
        }
    }

    /// Turns the `errno` of a call that was to write into an error: where a place is gone or closed, it can't be written.
    package static func fromWriting(_ code: CInt, _ operation: String, _ path: String) -> FileError {
        switch code {
        case ENOENT, ENOTDIR, EACCES, EPERM, EROFS, ELOOP, ENAMETOOLONG:
            .notWritable(path: path, reason: errnoText(code))
        default: .failed(operation: operation, path: path, reason: errnoText(code))
        }
    }
}
