/// A batch's name: written as a job's is.
public struct BatchID: Hashable, Sendable, CustomStringConvertible {
    /// The ID it is, which no job has.
    package let jobID: JobID

    /// The batch of this ID.
    package init(_ id: JobID) { jobID = id }

    /// Reads what ``description`` writes, and nothing else.
    public init?(_ text: String) {
        guard let id = JobID(text) else { return nil }
        self.init(id)
    }

    /// When it was made.
    public var madeAt: WallTime { jobID.madeAt }

    /// 26 characters of Crockford's base 32.
    public var description: String { jobID.description }
}

/// Jobs that were handed in together.
public struct Batch: Sendable, Equatable {
    /// Its name.
    public let id: BatchID
    /// Its jobs that are still known, in the order in which they were handed in.
    public let jobs: [Job]

    /// A batch of these jobs.
    package init(id: BatchID, jobs: [Job]) {
        self.id = id
        self.jobs = jobs
    }

    /// Whether all of them have ended.
    public var isEnded: Bool { jobs.allSatisfy(\.status.isEnded) }
}
