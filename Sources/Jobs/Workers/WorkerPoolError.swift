import Platform

/// Why a pool could not begin.
public enum WorkerPoolError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The system gave no thread.
    case noThread(worker: Int, code: Int32)

    /// What was wrong, in a sentence.
    public var description: String {
        switch self {
        case .noThread(let worker, let code):
            "Worker \(worker) got no thread: \(errnoText(code)) (error \(code))."
        }
    }
}
