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

    /// What was wrong, in a sentence.
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
