/// Why an audit log can't be kept.
public enum AuditError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Another process keeps it.
    case inUse(path: String)
    /// What is at the path is no file that lines could be added to.
    case unsuitable(path: String, reason: String)
    /// The file was removed, or has not been at its path for so long.
    case displaced(path: String, reason: String)
    /// The disk has not answered for this long.
    case blocked(path: String, time: Duration)
    /// A call of the system failed.
    case failed(operation: String, path: String, reason: String)

    /// One sentence with the path.
    public var description: String {
        switch self {
        case .inUse(let path): "\(path) is the audit log of another server that runs"
        case .unsuitable(let path, let reason): "\(path) \(reason)"
        case .displaced(let path, let reason): "\(path) \(reason): put it back, or have a new one begun by SIGHUP"
        case .blocked(let path, let time): "cannot write \(path): the disk has not answered for \(time)"
        case .failed(let operation, let path, let reason): "cannot \(operation) \(path): \(reason)"
        }
    }
}
