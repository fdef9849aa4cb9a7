/// A job as it is at one moment: a value that does not change behind its reader's back.
public struct Job: Sendable, Equatable {
    /// Its name.
    public let id: JobID
    /// Where it is on its way.
    public var status: JobStatus
    /// What its client calls it.
    public let name: String?
    /// Who sent it.
    public let client: String
    /// Whose it is; nil where jobs are nobody's.
    public let owner: String?
    /// What whoever follows the request has said of it.
    public let trace: String?
    /// The batch that it came with.
    public let batch: BatchID?
    /// Its place in the queue.
    public let priority: Priority
    /// What is to be done, by a name such as `score`.
    public let kind: String
    /// What it says of itself, in the coding of its kind.
    public internal(set) var subject: JobSubject
    /// The name of the model that does it.
    public let model: String
    /// The SHA-256 of that model's file, in hexadecimal; nil where it was not noted, which was so in older stores.
    public var modelSHA256: String?
    /// The bytes of its input that it is billed for as long as it is queued: an input that several jobs have counts once.
    package(set) public var inputBytes: Int
    /// Where to say that it has ended.
    public let callback: String?
    /// The server's own places that are told what was found in it, by their names.
    public let alerts: [String]

    /// When it was inserted. Stored times are shown, never reckoned with.
    public let createdAt: WallTime
    /// When it must have been begun, as far as that was asked for.
    public let deadline: WallTime?
    /// When it was last claimed.
    public var startedAt: WallTime?
    /// When it ended.
    public var finishedAt: WallTime?

    /// How often it has been claimed.
    public var attempt = 0
    /// Into how many parts it is cut.
    public let parts: Int
    /// How many of them are done.
    public var partsDone = 0

    /// Whether it is queued and its model is not served, so that it can't be claimed; of a job that has just ended, whether
    /// that was so until then.
    public var isModelMissing = false
    /// Of a job that has just ended or was just taken back: whether its claim had run out, so that it was in the queue until
    /// then.
    package var isRegained = false
    /// 1 for the queued job that is claimed next; nil unless it can be claimed.
    public var queuePosition: Int?
    /// The parts that will be done before this job's own last one; nil once it has ended, and while nobody can claim it.
    public var partsAhead: Int?
    /// The parts of the queued jobs that are claimed before it.
    package var partsBefore = 0
    /// The seconds until its end, by what those before it need; nil once it has ended, and while they can't be told or nobody
    /// can claim it.
    ///
    /// The ``Backlog`` fills it in; a store leaves it nil.
    public var estimatedSeconds: Double?

    /// What its worker says of a running job, in the coding of its kind; the ``Backlog`` fills it in.
    public var note: [UInt8]?

    /// Why it failed, if it did.
    public var failure: JobFailure?
    /// How long it took; nil unless a worker ended it.
    public var timings: JobTimings?
    /// The size of its output; nil without one.
    public var outputBytes: Int?

    /// Grows with each visible change of the job itself.
    ///
    /// The place in the queue and the estimate also move with other jobs, and do not count.
    public var revision = 1

    /// The job that `new` becomes when it is inserted.
    public init(_ new: NewJob, id: JobID, createdAt: WallTime, batch: BatchID? = nil) {
        self.id = id
        status = .queued
        name = new.name
        client = new.client
        owner = new.owner
        trace = new.trace
        self.batch = batch
        priority = new.priority
        kind = new.kind
        subject = new.subject
        model = new.model
        modelSHA256 = new.modelSHA256
        inputBytes = new.billedBytes
        callback = new.callback
        alerts = new.alerts
        self.createdAt = createdAt
        deadline = new.deadline.map { createdAt.later(by: $0) }
        parts = new.parts
    }

    /// A job as it was stored.
    package init(
        id: JobID, status: JobStatus, name: String?, client: String, owner: String?, trace: String?, batch: BatchID?,
        priority: Priority, kind: String, subject: JobSubject, model: String, modelSHA256: String?, inputBytes: Int,
        callback: String?, alerts: [String], createdAt: WallTime, deadline: WallTime?, startedAt: WallTime?,
        finishedAt: WallTime?,
        attempt: Int, parts: Int, partsDone: Int, failure: JobFailure?, timings: JobTimings?, outputBytes: Int?,
        revision: Int
    ) {
        self.id = id
        self.status = status
        self.name = name
        self.client = client
        self.owner = owner
        self.trace = trace
        self.batch = batch
        self.priority = priority
        self.kind = kind
        self.subject = subject
        self.model = model
        self.modelSHA256 = modelSHA256
        self.inputBytes = inputBytes
        self.callback = callback
        self.alerts = alerts
        self.createdAt = createdAt
        self.deadline = deadline
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.attempt = attempt
        self.parts = parts
        self.partsDone = partsDone
        self.failure = failure
        self.timings = timings
        self.outputBytes = outputBytes
        self.revision = revision
    }
}

extension Job {
    /// The model that does it.
    public var modelID: ModelID { ModelID(name: model, sha256: modelSHA256) }
}

/// Where a job is on its way.
///
/// ```
///                     claim                    complete
///   insert ─▶ queued ───────▶ running ──┬──────────────▶ succeeded
///               │  ▲             │      │
///               │  └─────────────┘      ├──────────────▶ failed      (by its own fault, or out of attempts)
///               │      release, or the  │
///               │      lease ran out    │
///               │      cancel           │  at the next part
///               └───────────────────────┴──────────────▶ cancelled
/// ```
///
/// A running job that is cancelled stays `running` until its worker has stopped. A job that nobody has begun before its
/// deadline goes from `queued` to `failed`, and so does one whose model is not served where that is asked for.
public enum JobStatus: String, Sendable, Hashable, CaseIterable {
    /// Committed, and waiting for a worker.
    case queued
    /// Held by a worker under a ``ClaimToken``.
    case running
    /// Ended, with an output.
    case succeeded
    /// Ended, with a ``JobFailure``.
    case failed
    /// Ended because it was told to.
    case cancelled

    /// Whether the job will change no more.
    public var isEnded: Bool {
        switch self {
        case .queued, .running: false
        case .succeeded, .failed, .cancelled: true
        }
    }

    /// The one place that says which changes there are; every store keeps to it.
    public func canBecome(_ next: JobStatus) -> Bool {
        switch (self, next) {
        case (.queued, .running), (.queued, .failed), (.queued, .cancelled): true
        case (.running, .queued), (.running, .succeeded), (.running, .failed), (.running, .cancelled): true
        default: false
        }
    }
}

/// What a processor made of a job, in its own encoding.
public struct JobOutput: Sendable, Equatable {
    /// The result.
    public let body: [UInt8]
    /// What the job says of itself from now on; nil for what it said before. With it its input is let go of at once.
    public let subject: JobSubject?

    /// An output of these bytes.
    public init(body: [UInt8], subject: JobSubject? = nil) {
        self.body = body
        self.subject = subject
    }
}

/// Why a job failed.
public struct JobFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// A short name for programs, such as `out-of-attempts`.
    public let reason: String
    /// A sentence for people.
    public let detail: String
    /// Whether the next attempt may well come to something: then it is the job's end after the last one alone.
    public let isPassing: Bool

    /// A failure that programs know as `reason` and people as `detail`.
    public init(reason: String, detail: String, isPassing: Bool = false) {
        self.reason = reason
        self.detail = detail
        self.isPassing = isPassing
    }

    /// What was wrong, in a sentence.
    public var description: String { "\(detail) (\(reason))" }

    /// The failure of a job that nobody has begun in time.
    package static let deadlinePassed = JobFailure(
        reason: "deadline-passed", detail: "The job was not begun before its deadline.")

    /// The failure of a job whose model is not served, where it is not to wait for it.
    package static func otherModel(than model: ModelID, served: ServedModels) -> JobFailure {
        JobFailure(
            reason: "other-model",
            detail: "The job was accepted for the model \(model.inFull), and what is served is \(served.inFull).")
    }

    /// The failure of a job whose workers were lost as often as it may be tried.
    package static func outOfAttempts(_ attempts: Int) -> JobFailure {
        JobFailure(
            reason: "out-of-attempts",
            detail: "The job was begun \(attempts) times and its worker was lost each time.")
    }

    /// The failure of a job that came to no end as often as it may be tried, the last time for a reason that is no fault of its own.
    package static func outOfAttempts(_ attempts: Int, because reason: String) -> JobFailure {
        JobFailure(
            reason: "out-of-attempts",
            detail: "The job was begun \(attempts) times and came to no end; the last time: \(reason)")
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

/// A job's place in the queue: all of a higher priority go first, and within one the oldest.
public enum Priority: Int, Sendable, Hashable, CaseIterable, Comparable {
    /// After everything else.
    case low
    /// What a job has that says nothing.
    case normal
    /// Before everything else.
    case high

    /// The priority that a user calls `low`, `normal` or `high`.
    public init?(name: String) {
        guard let priority = Priority.allCases.first(where: { $0.name == name }) else { return nil }
        self = priority
    }

    /// What users call it.
    public var name: String {
        switch self {
        case .low: "low"
        case .normal: "normal"
        case .high: "high"
        }
    }

    /// Whether the left one goes after the right one.
    public static func < (left: Priority, right: Priority) -> Bool { left.rawValue < right.rawValue }
}

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
