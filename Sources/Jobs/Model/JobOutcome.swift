/// What a processor made of a job, in its own encoding.
public struct JobOutput: Sendable, Equatable {
    /// The result.
    public let body: [UInt8]

    /// An output of these bytes.
    public init(body: [UInt8]) {
        self.body = body
    }
}

/// Why a job failed.
public struct JobFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// A short name for programs, such as `out-of-attempts`.
    public let reason: String
    /// A sentence for people.
    public let detail: String

    /// A failure that programs know as `reason` and people as `detail`.
    public init(reason: String, detail: String) {
        self.reason = reason
        self.detail = detail
    }

    /// What was wrong, in a sentence.
    public var description: String { "\(detail) (\(reason))" }

    /// The failure of a job that nobody has begun in time.
    static let deadlinePassed = JobFailure(
        reason: "deadline-passed", detail: "The job was not begun before its deadline.")

    /// The failure of a job whose model is not served, where it is not to wait for it.
    static func otherModel(than model: ModelID, served: ServedModels) -> JobFailure {
        JobFailure(
            reason: "other-model",
            detail: "The job was accepted for the model \(model.inFull), and what is served is \(served.inFull).")
    }

    /// The failure of a job whose workers were lost as often as it may be tried.
    static func outOfAttempts(_ attempts: Int) -> JobFailure {
        JobFailure(
            reason: "out-of-attempts",
            detail: "The job was begun \(attempts) times and its worker was lost each time.")
    }
}

/// How the holder of a claim says that the job ended.
public enum JobOutcome: Sendable, Equatable {
    /// With this output.
    case succeeded(JobOutput)
    /// For this reason.
    case failed(JobFailure)
    /// It was told to stop, and did.
    case cancelled

    /// The status that goes with it.
    public var status: JobStatus {
        switch self {
        case .succeeded: .succeeded
        case .failed: .failed
        case .cancelled: .cancelled
        }
    }
}

/// How long a job took, by the monotonic clock.
public struct JobTimings: Sendable, Hashable {
    /// From its insertion until a worker began with it.
    public var queued: Duration
    /// From there until its end.
    public var scored: Duration

    /// A job that waited for `queued` and was worked on for `scored`.
    public init(queued: Duration, scored: Duration) {
        self.queued = queued
        self.scored = scored
    }
}
