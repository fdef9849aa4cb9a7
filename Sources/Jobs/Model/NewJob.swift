/// What a job is about: a matrix of features, and how its processor is to treat it.
public struct JobInput: Sendable, Equatable {
    /// The matrix, row after row, [rows, width].
    public let features: [Float]
    /// The snippets of the matrix.
    public let rows: Int
    /// The values of a snippet.
    public let width: Int
    /// What the processor wants to know beside the features, in its own encoding.
    public let options: [UInt8]

    /// An input of `rows` times `width` features.
    public init(features: [Float], rows: Int, width: Int, options: [UInt8] = []) {
        assert(features.count == rows * width, "\(features.count) features are not \(rows) rows of \(width)")
        self.features = features
        self.rows = rows
        self.width = width
        self.options = options
    }

    /// What it costs to hold, in bytes.
    public var bytes: Int { features.count * MemoryLayout<Float>.size + options.count }
}

/// A job as it is handed in, before it has an ID.
public struct NewJob: Sendable {
    /// What to work on.
    public var input: JobInput
    /// What its client calls it, such as the name of a file in a batch.
    public var name: String?
    /// Its place in the queue.
    public var priority: Priority
    /// Who sent it: the key of an account, or an address; fair shares go by it.
    public var client: String
    /// The name of the model that is to score it.
    public var model: String
    /// The SHA-256 of that model's file, in hexadecimal; without it any model of that name may.
    public var modelSHA256: String?
    /// The SHA-256 of the features.
    public var featuresSHA256: FeatureDigest
    /// What looked wrong with the features though they can be scored, in plain words.
    public var warnings: [String]
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
        input: JobInput,
        priority: Priority = .normal,
        client: String = "",
        model: String,
        modelSHA256: String? = nil,
        featuresSHA256: FeatureDigest = FeatureDigest(""),
        warnings: [String] = [],
        parts: Int = 1,
        outputEstimate: Int = 0
    ) {
        self.input = input
        self.priority = priority
        self.client = client
        self.model = model
        self.modelSHA256 = modelSHA256
        self.featuresSHA256 = featuresSHA256
        self.warnings = warnings
        self.parts = max(parts, 1)
        self.outputEstimate = max(outputEstimate, 0)
    }
}
