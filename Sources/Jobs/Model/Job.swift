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
    /// The batch that it came with.
    public let batch: BatchID?
    /// Its place in the queue.
    public let priority: Priority
    /// What is to be done, by a name such as `score`.
    public let kind: String
    /// What it says of itself, in the coding of its kind.
    public let subject: JobSubject
    /// The name of the model that does it.
    public let model: String
    /// The SHA-256 of that model's file, in hexadecimal; nil where it was not noted, which was so in older stores.
    public var modelSHA256: String?
    /// The bytes of its input.
    public let inputBytes: Int
    /// Where to say that it has ended.
    public let callback: String?

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
    /// The seconds until its end at the measured rate; nil once it has ended, and while no rate has been measured or nobody
    /// can claim it.
    ///
    /// The ``Backlog`` fills it in; a store leaves it nil.
    public var estimatedSeconds: Double?

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
        self.batch = batch
        priority = new.priority
        kind = new.kind
        subject = new.subject
        model = new.model
        modelSHA256 = new.modelSHA256
        inputBytes = new.input.count
        callback = new.callback
        self.createdAt = createdAt
        deadline = new.deadline.map { createdAt.later(by: $0) }
        parts = new.parts
    }

    /// A job as it was stored.
    package init(
        id: JobID, status: JobStatus, name: String?, client: String, batch: BatchID?, priority: Priority, kind: String,
        subject: JobSubject, model: String, modelSHA256: String?, inputBytes: Int, callback: String?,
        createdAt: WallTime, deadline: WallTime?, startedAt: WallTime?, finishedAt: WallTime?, attempt: Int, parts: Int,
        partsDone: Int, failure: JobFailure?, timings: JobTimings?, outputBytes: Int?, revision: Int
    ) {
        self.id = id
        self.status = status
        self.name = name
        self.client = client
        self.batch = batch
        self.priority = priority
        self.kind = kind
        self.subject = subject
        self.model = model
        self.modelSHA256 = modelSHA256
        self.inputBytes = inputBytes
        self.callback = callback
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
