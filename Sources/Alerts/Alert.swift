import JSON

/// What is told of a segment: that it has begun, or that it is over.
public struct Alert: Sendable, Equatable {
    /// Which of both.
    public enum Phase: String, Sendable {
        case begin, end
    }

    /// Which of both.
    public var phase: Phase
    /// The job's ID: letters and digits.
    public let job: String
    /// The camera, as the client has named it.
    public let camera: String
    /// What the client calls the job.
    public var name: String?
    /// The name of the model.
    public let model: String
    /// The segment's first snippet.
    public let start: Int
    /// The snippet after its last; nil while it goes on, or where that was never known.
    public var end: Int?
    /// When it begins, in seconds from the video's begin, where that is known.
    public var startSeconds: Double?
    /// When it ends, likewise.
    public var endSeconds: Double?
    /// The abnormal class.
    public var label: String
    /// The highest coarse score.
    public var score: Float
    /// Why the segment is over though its job was not scored to the end: `failed` or `cancelled`.
    public var reason: String?

    /// What is told of a segment.
    public init(
        _ phase: Phase, job: String, camera: String, name: String? = nil, model: String, start: Int, end: Int? = nil,
        label: String, score: Float
    ) {
        self.phase = phase
        self.job = job
        self.camera = camera
        self.name = name
        self.model = model
        self.start = start
        self.end = end
        self.label = label
        self.score = score
    }

    /// The segment's name: the same in what is told of its begin and of its end, however often.
    public var segment: String { "\(job)-\(start)" }

    /// The members of a JSON object that tells it.
    public func members(to json: inout JSONWriter) {
        json.member("segment", segment)
        json.member("camera", camera)
        json.member("job", job)
        if let name { json.member("name", name) }
        json.member("model", model)
        json.member("label", label)
        json.member("score", score)
        json.member("start", start)
        json.member("end", end)
        json.member("start_seconds", startSeconds)
        json.member("end_seconds", endSeconds)
        if let reason { json.member("reason", reason) }
    }
}

/// Somewhere that alerts go.
public protocol AlertPlace: Sendable {
    /// By which it is known in settings, metrics and the store: letters alone.
    var name: String { get }

    /// Whether it can be told now, as far as that is known.
    var isReachable: Bool { get }

    /// Tells it of one segment: that it has begun, that it is over, or one after the other.
    ///
    /// - Parameters:
    ///   - alerts: in their order
    ///   - token: what it has answered to the begin, where that was told before
    func tell(_ alerts: [Alert], token: String?) async -> AlertVerdict
}

/// What came of telling a place.
public enum AlertVerdict: Sendable, Equatable {
    /// It knows. `token` is what it wants to hear with the segment's end.
    case told(token: String? = nil)
    /// It was not told, for a reason in plain words; another try may do better, after what it has asked for.
    case failed(reason: String, retryAfter: Duration? = nil)
    /// It does not take this, and never will.
    case refused(reason: String)
}
