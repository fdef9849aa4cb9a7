import Platform

/// What a client hands in at once: a job, or the jobs of a batch. All of it is committed, or nothing.
public struct Submission: Sendable {
    /// At least one job.
    public var jobs: [NewJob]
    /// Whether they get a name in common, even if there is but one.
    public var isBatch: Bool
    /// By which the same submission is known when it comes again.
    public var key: IdempotencyKey?
    /// Whose quota it counts against; nil where there is none.
    public var account: Account?

    /// One job.
    public init(_ job: NewJob, key: IdempotencyKey? = nil) {
        jobs = [job]
        isBatch = false
        self.key = key
    }

    /// What a job that answers for this submission has: one job alone can be answered for, and not where somebody is to be
    /// told of its end.
    package var reuseKey: String? {
        guard !isBatch, jobs.count == 1, jobs[0].callback == nil, jobs[0].alerts.isEmpty else { return nil }
        return jobs[0].ownReuseKey
    }

    /// A batch of jobs. Those that follow each other and have one subject, which is the same object, have one input too: it
    /// counts once, and each is billed for its part.
    public init(batch jobs: [NewJob], key: IdempotencyKey? = nil) {
        self.jobs = jobs
        isBatch = true
        self.key = key
        var first = 0
        while first < jobs.count {
            let end = jobs[first...].firstIndex { $0.subject !== jobs[first].subject } ?? jobs.count
            for index in first..<end { self.jobs[index].share = (index - first, end - first) }
            first = end
        }
    }
}

/// A client's own name for a submission, so that sending it twice does it once
/// (draft-ietf-httpapi-idempotency-key-header).
public struct IdempotencyKey: Sendable, Hashable {
    /// Whose key it is: the same text of two clients is two keys.
    public let client: String
    /// The client's text.
    public let text: String
    /// A digest of all that was asked for; with another one the key is refused.
    public let fingerprint: String

    /// The key `text` of `client` for what `fingerprint` stands for.
    public init(client: String, text: String, fingerprint: String) {
        self.client = client
        self.text = text
        self.fingerprint = fingerprint
    }

    /// Where it is kept.
    package struct Name: Hashable, Sendable {
        package let client: String
        package let text: String

        package static func == (left: Name, right: Name) -> Bool {
            left.client.hasBytes(of: right.client) && left.text.hasBytes(of: right.text)
        }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(ByteText(client))
            hasher.combine(ByteText(text))
        }
    }

    /// Where it is kept.
    package var name: Name { Name(client: client, text: text) }
}

/// What became of a submission.
public struct Receipt: Sendable, Equatable {
    /// Why these jobs are the answer.
    public enum Origin: Sendable, Equatable {
        /// They were queued now.
        case new
        /// They were queued when the same key came first.
        case replayed
        /// They had ended before, with the result that the new job would have.
        case reused
    }

    /// One, or those of the batch that are still known.
    public let jobs: [Job]
    /// What they have in common.
    public let batch: BatchID?
    /// Why they are the answer.
    public let origin: Origin

    /// A receipt for these jobs.
    package init(jobs: [Job], batch: BatchID? = nil, origin: Origin) {
        self.jobs = jobs
        self.batch = batch
        self.origin = origin
    }
}

/// A job as it is handed in, before it has an ID.
public struct NewJob: Sendable {
    /// What is to be done, by a name such as `score`: it says how `subject` and `input` are read.
    public var kind: String
    /// What the job says of itself.
    public var subject: JobSubject
    /// What to work on.
    public var input: JobBody
    /// What its client calls it, such as the name of a file in a batch.
    public var name: String?
    /// Its place in the queue.
    public var priority: Priority
    /// Who sent it: the key of an account, or an address; fair shares go by it.
    public var client: String
    /// Whose it is, by a name that only who made it up understands: who may see it, and whose results it may share. Nil where
    /// jobs are nobody's.
    public var owner: String?
    /// What whoever follows a request through services has said of it, for others that do so to read.
    public var trace: String?
    /// The name of the model that is to do it.
    public var model: String
    /// The SHA-256 of that model's file, in hexadecimal; without it any model of that name may.
    public var modelSHA256: String?
    /// Into how many parts the processor will cut it, at least 1.
    public var parts: Int
    /// Which of how many jobs it is that have its input.
    fileprivate var share = (number: 0, of: 1)
    /// Bytes that came with it and are kept elsewhere than in the queue: they count in the quotas of accounts alone.
    public var bytesElsewhere = 0
    /// The file of ``SharedFiles`` that it is about, which is kept until it has ended.
    public var file: JobID?
    /// How much it is, in what the quotas of accounts count beside jobs and bytes.
    public var units = 0
    /// How many bytes its output may take; the store keeps so much room for it.
    public var outputEstimate: Int
    /// How long it may wait; a job that nobody has begun by then fails.
    public var deadline: Duration?
    /// Where to say that it has ended.
    public var callback: String?
    /// The server's own places that are told what is found in it, by their names, which have no commas.
    public var alerts: [String] = []
    /// What all jobs with the same output have in common. With it, a job of the same owner that has succeeded answers for this
    /// one.
    public var reuseKey: String?

    /// A job to hand in.
    public init(
        kind: String,
        subject: JobSubject,
        input: JobBody,
        priority: Priority = .normal,
        client: String = "",
        model: String,
        modelSHA256: String? = nil,
        parts: Int = 1,
        outputEstimate: Int = 0
    ) {
        self.kind = kind
        self.subject = subject
        self.input = input
        self.priority = priority
        self.client = client
        self.model = model
        self.modelSHA256 = modelSHA256
        self.parts = max(parts, 1)
        self.outputEstimate = max(outputEstimate, 0)
    }
}

extension NewJob {
    /// The bytes of its input that it is billed for, so that an input counts once however many jobs have it.
    package var billedBytes: Int {
        input.count / share.of + (share.number < input.count % share.of ? 1 : 0)
    }

    /// What only jobs of the same owner have in common.
    package var ownReuseKey: String? {
        guard let owner else { return reuseKey }
        return reuseKey.map { "\($0) \(owner)" }
    }
}
