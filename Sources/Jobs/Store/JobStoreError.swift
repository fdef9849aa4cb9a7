/// Why a store did not do what it was asked to.
public enum JobStoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The results that are waiting to be fetched leave no room for another job's.
    case full(neededBytes: Int, heldBytes: Int, limitBytes: Int)
    /// The store cannot be reached, read or written at present.
    case unavailable(String)
    /// The disk has too little room left for what was asked.
    case diskFull(String)
    /// The idempotency key came before with something else.
    case keyReused(String)
    /// What the store holds for this job is damaged.
    case damaged(JobID, String)

    /// What clients are told: everything that is not the server's own affair, such as where its files are.
    public var told: String {
        switch self {
        case .full, .keyReused: description
        case .unavailable: "The store of jobs is not available; the server's log says why."
        case .diskFull: "The store of jobs has no room on its disk; the server's log says more."
        case .damaged(let id, _): "What the store holds for job \(id) is damaged; the server's log says how."
        }
    }

    /// What the log has beyond what clients are told; nil where that is all.
    public var cause: String? { told == description ? nil : description }

    /// What was wrong, in a sentence, for the log and for those who see the service's health.
    public var description: String {
        switch self {
        case .full(let needed, let held, let limit):
            "The job needs \(needed) bytes for its result, but \(held) of the store's \(limit) bytes are taken by "
                + "results that were not fetched yet and by jobs that were accepted before."
        case .unavailable(let detail):
            "The store of jobs is not available: \(detail)."
        case .diskFull(let detail):
            "The store of jobs has no room: \(detail)."
        case .keyReused(let key):
            "The idempotency key '\(key.prefix(80))' came before with another request; expected the same body and "
                + "parameters, or a new key."
        case .damaged(let id, let detail):
            "What the store holds for job \(id) is damaged: \(detail)."
        }
    }
}
