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
    /// The name of the model that is to do it.
    public var model: String
    /// The SHA-256 of that model's file, in hexadecimal; without it any model of that name may.
    public var modelSHA256: String?
    /// Into how many parts the processor will cut it, at least 1.
    public var parts: Int
    /// How many bytes its output may take; the store keeps so much room for it.
    public var outputEstimate: Int
    /// How long it may wait; a job that nobody has begun by then fails.
    public var deadline: Duration?
    /// Where to say that it has ended.
    public var callback: String?
    /// What all jobs with the same output have in common. With it, a job that has succeeded answers for this one.
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
