public import Extraction
import Jobs
import Platform
import VadCLIP

/// What a client asks of a job beside the features: the query of `POST /score`.
public struct ScoreOptions: Sendable, Equatable {
    /// The models that are asked for, by name or by name, `@` and the start of the SHA-256; none for the default.
    public var models: [String] = []
    /// A second model whose scores are compared with those of the first, named likewise.
    public var compare: String?
    /// Score against these in place of the model's own labels; the first is the normal class.
    public var labels: [String]?
    /// Frames a second, which gives segments their seconds.
    public var fps: Double?
    /// How segments are cut.
    public var segments = SegmentOptions()
    /// Whether the result carries logits.
    public var logits = false
    /// Its place in the queue.
    public var priority = Priority.normal
    /// When it must have been begun.
    public var deadline: JobDeadline?
    /// Where to say that it has ended.
    public var callback: String?
    /// What the client calls it.
    public var name: String?
    /// The camera that the video is of: what is found in it is told under this name.
    public var camera: String?
    /// Report on the features and queue nothing.
    public var validateOnly = false
    /// What a row has of the features of a video's frames; nil for their mean.
    public var pooling: Pooling?
    /// By what a video's frames are counted out to rows; nil for so many frames.
    public var cadence: Cadence?
    /// What becomes of a video's frames behind the last whole row; nil for none.
    public var tail: Tail?
    /// Pictures that are made of a video's segments at most; nil for none.
    public var thumbnails: Int?
    /// Which of several crops is scored, of features that hold them; nil where they are to hold one.
    public var crop: CropChoice?

    /// The defaults.
    public init() {}
}

extension ScoreOptions {
    /// Names that the query of `POST /score` can have.
    public static let names = [
        "model", "compare", "labels", "fps", "threshold", "leave", "min_snippets", "merge_gap", "logits", "priority",
        "deadline",
        "callback",
        "name", "camera", "validate_only", "crop", "pool", "cadence", "tail", "thumbnails",
    ]

    /// What may be asked of features that were scored before.
    package static let ofAgain = [
        "model", "labels", "fps", "threshold", "leave", "min_snippets", "merge_gap", "logits", "priority", "deadline",
        "callback", "name", "camera",
    ]

    /// How segments are cut, which takes nothing but the scores.
    package static let ofCuts = ["threshold", "leave", "min_snippets", "merge_gap", "fps"]

    /// What is asked of a video, and means nothing beside features.
    public static let ofVideos = ["pool", "cadence", "tail", "thumbnails"]

    /// Pictures that may be asked for.
    public static let mostThumbnails = 32

    /// The first of those that is given.
    var ofVideo: String? {
        let given = [pooling != nil, cadence != nil, tail != nil, thumbnails != nil]
        return zip(Self.ofVideos, given).first { $0.1 }?.0
    }

    /// What says how a job is handled and not how it is scored, which means nothing where there is no server.
    public static let ofServer: Set<String> = [
        "model", "compare", "priority", "deadline", "callback", "name", "camera", "validate_only",
    ]

    /// What is asked for by a field of the request's head, or is no parameter at all.
    private static func elsewhere(_ parameter: Parameter) -> String? {
        switch parameter.name {
        case "wait":
            let seconds = parameter.value.text.flatMap { GivenValue.number($0) == nil ? nil : $0 } ?? "SECONDS"
            return "the answer is held by the header field Prefer: wait=\(seconds)"
        case "idempotency_key", "idempotency-key": return "it is the header field Idempotency-Key"
        default:
            guard Spelling.nearest(to: parameter.name, among: ["features"]) != nil else { return nil }
            return
                "features are the body of the request, or a file of a form in the field 'features', as curl sends it by "
                + "-F features=@x.npy"
        }
    }

    /// Reads pairs of name and text; each name once.
    public init(pairs: some Sequence<(name: String, value: String)>) throws(OptionError) {
        try self.init(pairs.map { Parameter($0.name, .text($0.value)) })
    }

    /// Reads parameters, wherever they come from; each name once.
    public init(_ parameters: some Sequence<Parameter>) throws(OptionError) {
        try read(Parameters(parameters, among: Self.names, repeated: ["model"]) { Self.elsewhere($0) })
    }

    /// Reads what is asked of features that were scored before. What is not said of how they are scored is as it was then; whom to
    /// tell of it, and its place in the queue, are another job's.
    package init(again parameters: some Sequence<Parameter>, of before: ScoreOptions) throws(OptionError) {
        (labels, fps, segments, logits) = (before.labels, before.fps, before.segments, before.logits)
        try read(Parameters(parameters, among: Self.ofAgain, repeated: ["model"]))
        guard models.count < 2 else {
            throw OptionError(name: "model", problem: "\(models.count) given: expected the one that scores again")
        }
    }

    private mutating func read(_ given: Parameters) throws(OptionError) {
        models = try Self.models(given.all("model"))
        compare = try Self.read(given["compare"]) { value throws(OptionError) in try value.text() }
        guard compare == nil || models.count < 2 else {
            throw OptionError(
                name: "compare",
                problem: "given beside \(models.count) models: expected one that another is compared with")
        }
        if let value = given["labels"] { labels = try Self.check(labels: value.list()) }
        try readCut(given)
        logits = try given.flag("logits") ?? logits
        validateOnly = try given.flag("validate_only") ?? false
        if let value = given["priority"] {
            priority = try value.word(among: Priority.allCases.map { ($0.name, $0) })
        }
        deadline = try Self.read(given["deadline"]) { value throws(OptionError) in try JobDeadline(value.text()) }
        callback = try Self.read(given["callback"]) { value throws(OptionError) in try value.text() }
        name = try Self.read(given["name"]) { value throws(OptionError) in
            try Self.name(value.text(), of: "name", most: Self.maxNameBytes)
        }
        camera = try Self.read(given["camera"]) { value throws(OptionError) in
            try Self.name(value.text(), of: "camera", most: Self.maxCameraBytes)
        }
        pooling = try Self.read(given["pool"]) { value throws(OptionError) in
            try value.word(among: Pooling.allCases.map { ($0.rawValue, $0) })
        }
        cadence = try Self.read(given["cadence"]) { value throws(OptionError) in
            try value.word(among: Cadence.allCases.map { ($0.rawValue, $0) })
        }
        tail = try Self.read(given["tail"]) { value throws(OptionError) in
            try value.word(among: Tail.allCases.map { ($0.rawValue, $0) })
        }
        if let value = given["thumbnails"] { thumbnails = try value.whole(in: 0...Self.mostThumbnails) }
        crop = try Self.read(given["crop"]) { value throws(OptionError) in try CropChoice(value) }
    }

    /// Reads how segments are cut. A `leave` that is not given goes with the threshold where it was that, and never above it.
    package mutating func readCut(_ given: Parameters) throws(OptionError) {
        if let value = given["fps"] { fps = try value.number(in: 0.001...100_000) }
        let isThreshold = segments.leave == segments.threshold
        if let value = given["threshold"] { segments.threshold = try value.float(in: 0...1) }
        segments.leave = isThreshold ? segments.threshold : min(segments.leave, segments.threshold)
        if let value = given["leave"] { segments.leave = try value.float(in: 0...1) }
        if let value = given["min_snippets"] { segments.minimumSnippets = try value.whole(in: 1...Self.mostSnippets) }
        if let value = given["merge_gap"] { segments.mergeGap = try value.whole(in: 0...Self.mostSnippets) }
        guard segments.leave <= segments.threshold else {
            throw OptionError(
                name: "leave",
                problem: "\(segments.leave) is above the threshold \(segments.threshold): expected at most that")
        }
    }

    private static let mostSnippets = 1_000_000_000

    /// The most models that one upload is scored by.
    public static let mostModels = 16

    /// Models as a list each, one after another.
    private static func models(_ values: [ParameterReader]) throws(OptionError) -> [String] {
        var models: [String] = []
        for value in values {
            let names = try value.list()
            guard !names.isEmpty else { throw value.error("names none: expected names of models") }
            models += names
        }
        let problem: String? =
            if models.contains(where: \.isEmpty) {
                "one is empty: expected names of models, separated by commas"
            } else if models.count > mostModels {
                "\(models.count) given: expected at most \(mostModels)"
            } else {
                nil
            }
        if let problem { throw OptionError(name: "model", problem: problem) }
        return models
    }

    private static func read<Value>(
        _ value: ParameterReader?, as body: (ParameterReader) throws(OptionError) -> Value
    ) throws(OptionError) -> Value? {
        guard let value else { return nil }
        return try body(value)
    }

    /// Bytes of one label.
    private static let maxLabelBytes = 400

    /// Labels as a list in JSON or separated by commas, the normal class first.
    public static func labels(in text: String) throws(OptionError) -> [String] {
        try check(labels: ParameterReader(name: "labels", value: .text(text)).list())
    }

    private static func check(labels: [String]) throws(OptionError) -> [String] {
        guard !labels.contains(where: \.isEmpty) else {
            throw OptionError(name: "labels", problem: "one is empty: expected words separated by commas")
        }
        // Bounds the work of tokenizing, which comes next: 55 tokens are what a label may have.
        if let long = labels.first(where: { $0.utf8.count > maxLabelBytes }) {
            throw OptionError(
                name: "labels",
                problem: "'\(long.prefix(40))…' is \(long.utf8.count) bytes long: expected at most \(maxLabelBytes)")
        }
        guard (2...ClassFeatures.most).contains(labels.count) else {
            throw OptionError(
                name: "labels",
                problem: "\(labels.count) given: expected 2 to \(ClassFeatures.most), the normal class first")
        }
        try LabelList.check(labels)
        return labels
    }

    /// Bytes of a name.
    private static let maxNameBytes = 255

    /// Bytes of a camera's name, which stands in topics and paths.
    private static let maxCameraBytes = 64

    private static func name(_ text: String, of parameter: String, most: Int) throws(OptionError) -> String {
        guard (1...most).contains(text.utf8.count),
            text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
        else {
            throw OptionError(
                name: parameter,
                problem:
                    "\(text.utf8.count) bytes given: expected 1 to \(most), none of them a control character")
        }
        return text
    }
}

/// When a job must have been begun: so long after it was accepted, or at a time of day.
public enum JobDeadline: Sendable, Equatable {
    /// After so long.
    case after(Duration)
    /// At this time.
    case at(WallTime)

    /// The most seconds that a job can be told to wait, 30 days.
    private static let mostSeconds = 2_592_000.0

    /// Reads seconds, or a time as in RFC 3339.
    public init(_ text: String) throws(OptionError) {
        let isDecimal = !text.isEmpty && text.utf8.allSatisfy { "0123456789.".utf8.contains($0) }
        if isDecimal, let seconds = Double(text), (0...Self.mostSeconds).contains(seconds) {
            self = .after(.milliseconds(Int64((seconds * 1_000).rounded())))
        } else if let time = WallTime(text) {
            self = .at(time)
        } else {
            let fault = GivenValue.number(text) == nil ? "is neither" : "is out of range"
            throw OptionError(
                name: "deadline",
                problem:
                    "'\(text.prefix(40))' \(fault): expected seconds from 0 to \(Int(Self.mostSeconds)), or a "
                    + "time such as 2026-01-01T12:00:00Z")
        }
    }

    /// What that begins with, whenever it is said.
    static let warningBegins = "the deadline "

    /// What to say of one that is over at `now`, when nothing can have been begun; nil where it is not.
    func warning(at now: WallTime) -> String? {
        guard duration(from: now) == .zero else { return nil }
        let when =
            switch self {
            case .after: "of no seconds"
            case .at(let time): "\(time)"
            }
        return "\(Self.warningBegins)\(when) was over when the job was accepted: it ends as too late, without scores"
    }

    /// How long from `now` that is, at least nothing.
    func duration(from now: WallTime) -> Duration {
        switch self {
        case .after(let duration): duration
        case .at(let time):
            .milliseconds(max(0, time.milliseconds.subtractingReportingOverflow(now.milliseconds).partialValue))
        }
    }
}

/// Where the normal class stands among labels that someone has given: it is the first, whatever that is called.
public enum LabelList {
    /// Throws where a label is there twice, in capitals or not, which the text tower reads alike, or says that it is the
    /// normal class and is not the first: a segment would be called after it.
    static func check(_ labels: [String]) throws(OptionError) {
        var seen: [ByteText: Int] = [:]
        for (index, label) in labels.enumerated() {
            guard let first = seen.updateValue(index, forKey: ByteText(label.asciiLowercase)) else { continue }
            throw OptionError(
                name: "labels",
                problem: "'\(label.prefix(40))' is label \(first + 1) and label \(index + 1): expected each class once")
        }
        guard let first = labels.first, !isNormal(first), let index = labels.firstIndex(where: isNormal) else { return }
        throw OptionError(
            name: "labels",
            problem:
                "'\(labels[index].prefix(40))' is label \(index + 1), and the first label is the normal class: put it "
                + "first")
    }

    /// What to say of labels none of which says that it is the normal class.
    public static func warning(of labels: [String]) -> String? {
        guard let first = labels.first, !labels.contains(where: isNormal) else { return nil }
        return
            "no label is called normal: the first, '\(first.prefix(40))', counts as the normal class, so that no segment "
            + "is called after it"
    }

    /// Whether one of the label's words is `normal`, in capitals or not.
    private static func isNormal(_ label: String) -> Bool {
        let folded = label.asciiLowercase.utf8
        return folded.split { !(0x61...0x7A).contains($0) && $0 < 0x80 }.contains { $0.elementsEqual("normal".utf8) }
    }
}
