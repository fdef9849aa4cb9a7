/// Why a job was not taken.
public enum SubmitError: Error, Sendable, Equatable, CustomStringConvertible {
    /// As much is queued as may be.
    case backlogFull(retryAfterSeconds: Int)
    /// As much of this client is queued as may be.
    case shareFull(retryAfterSeconds: Int)
    /// A batch has more jobs than may be queued at all.
    case tooMany(jobs: Int, limit: Int)
    /// The job alone is larger than all that may be queued.
    case tooLarge(bytes: Int, limitBytes: Int)
    /// The upload lost the room that it held to others, since it came too slowly.
    case tooSlow
    /// The process is leaving.
    case draining
    /// The store did not take it.
    case store(JobStoreError)

    /// What was wrong, in a sentence.
    public var description: String {
        switch self {
        case .backlogFull(let seconds):
            "The backlog is full; there should be room for this job in \(seconds) s."
        case .shareFull(let seconds):
            "This client has as many jobs queued as one may have; there should be room for this one in \(seconds) s."
        case .tooMany(let jobs, let limit):
            "The batch has \(jobs) jobs, but no more than \(limit) may be queued in all."
        case .tooLarge(let bytes, let limit):
            "The job has \(bytes) bytes of input, but no more than \(limit) may be queued in all."
        case .tooSlow:
            "The upload came too slowly to keep the room that it held, which others wait for; send it again over a "
                + "faster connection or in smaller parts."
        case .draining:
            "The service is shutting down and takes no further jobs."
        case .store(let error):
            error.description
        }
    }
}
