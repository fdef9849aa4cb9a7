import Alerts
import JSON
import Jobs
import Platform
import Scoring
import VadCLIP

/// Which segments are told.
public struct AlertFilter: Sendable {
    /// The least score.
    public var score: Float = 0
    /// The labels; nil for all.
    public var labels: [String]?

    /// All segments.
    public init() {}

    func contains(_ segment: Segment) -> Bool { contains(label: segment.label, score: segment.score) }

    func contains(label: String, score: Float) -> Bool {
        guard score >= self.score else { return false }
        return labels?.contains { $0.hasBytes(of: label) } ?? true
    }
}

/// What there is to tell of one job, as its chunks come: the same however often, and wherever the scores come from.
struct AlertTale {
    private let job: Job
    private let filter: AlertFilter
    private var running: RunningSegments?
    private var camera: String?
    private var fps: Double?
    private var times: [Double] = []

    init(of job: Job, _ filter: AlertFilter) {
        self.job = job
        self.filter = filter
    }

    /// What a chunk brings; nil where it can't be told.
    mutating func take(_ chunk: FollowedChunk) -> [Alert]? {
        guard let (logits, labels, kind, options) = chunk.scores, let camera = options.camera else { return nil }
        self.camera = camera
        if options.fps == nil, let video = chunk.video { (fps, times) = (video.fps, video.times) }
        fps = options.fps ?? fps
        var running = running ?? RunningSegments(options.segments) { [filter] in filter.contains($0) }
        let news = running.take(Scores(logits, labels: labels, readout: kind.readout))
        self.running = running
        return news.compactMap(alert)
    }

    /// What is to be told when there are no more chunks.
    mutating func finish() -> [Alert] { running?.finish().compactMap(alert) ?? [] }

    private func alert(_ news: RunningSegments.News) -> Alert? {
        guard let camera else { return nil }
        let (phase, segment): (Alert.Phase, Segment) =
            switch news {
            case .begun(let segment): (.begin, segment)
            case .ended(let segment): (.end, segment)
            }
        var alert = Alert(
            phase, job: job.id.description, camera: camera, name: job.name, model: job.model, start: segment.start,
            end: phase == .end ? segment.end : nil, label: segment.label, score: segment.score)
        alert.startSeconds = seconds(segment.start)
        alert.endSeconds = alert.end.flatMap(seconds)
        return alert
    }

    private func seconds(_ snippet: Int) -> Double? {
        if times.indices.contains(snippet) { return times[snippet] }
        return fps.map { Double(snippet * ModelConfiguration.framesPerSnippet) / $0 }
    }
}

/// How far a place has been told of a job: what it was told last, and of a segment that goes on what it takes to end it.
struct AlertMark: Equatable {
    /// Of alerts in their order; -1 before the first.
    var position = -1
    /// The begin that is told, or about to be.
    var open: Alert?
    /// What the place answered to it.
    var token: String?

    /// Where an alert stands in its job's order.
    static func position(of alert: Alert) -> Int { 2 * alert.start + (alert.phase == .begin ? 0 : 1) }

    init() {}

    /// The stored form.
    var coded: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("position", position)
                json.member("token", token)
                guard let open else { return }
                json.member("start", open.start)
                json.member("camera", open.camera)
                json.member("label", open.label)
                json.member("score", open.score)
                json.member("start_seconds", open.startSeconds)
            }
        }
    }

    /// Reads what ``coded`` wrote of `job`; what can't be read is a mark before the first.
    init(coded bytes: [UInt8]?, of job: Job) {
        guard let bytes, let json = try? JSONReader.parse(bytes, maxBytes: 1 << 16),
            let position = json["position"]?.integer
        else { return }
        self.position = position
        token = json["token"]?.string
        guard let start = json["start"]?.integer, let camera = json["camera"]?.string,
            let label = json["label"]?.string, let score = json["score"]?.double
        else { return }
        var open = Alert(
            .begin, job: job.id.description, camera: camera, name: job.name, model: job.model, start: start,
            label: label, score: Float(score))
        open.startSeconds = json["start_seconds"]?.double
        self.open = open
    }
}
