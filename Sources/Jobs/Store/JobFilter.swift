/// Which jobs a listing has.
public struct JobFilter: Sendable, Equatable {
    /// Those of this status.
    public var status: JobStatus?
    /// Those of this batch.
    public var batch: BatchID?
    /// Those of this client.
    public var client: String?
    /// Those of this owner.
    public var owner: String?
    /// Those that were accepted for a model of this name.
    public var model: String?
    /// Those that were accepted for a model whose SHA-256 begins so, in small letters.
    public var modelDigits: String?
    /// Those made at this time or later.
    public var from: WallTime?
    /// Those made before this time.
    public var until: WallTime?

    /// All jobs, or those of one status.
    public init(status: JobStatus? = nil) {
        self.status = status
    }

    /// Whether the job is one of them.
    package func admits(_ job: Job) -> Bool {
        if let status, job.status != status { return false }
        if let batch, job.batch != batch { return false }
        if let client, !job.client.hasBytes(of: client) { return false }
        if let owner, job.owner?.hasBytes(of: owner) != true { return false }
        if let model, !job.model.hasBytes(of: model) { return false }
        if let modelDigits, job.modelSHA256?.begins(with: modelDigits) != true { return false }
        if let from, job.createdAt < from { return false }
        if let until, job.createdAt >= until { return false }
        return true
    }
}
