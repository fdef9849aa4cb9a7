import Jobs
import VadCLIP

/// What a client asks of a job beside the features: the query of `POST /score`.
public struct ScoreOptions: Sendable, Equatable {
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
    /// Report on the features and queue nothing.
    public var validateOnly = false

    /// The defaults.
    public init() {}
}

extension ScoreOptions {
    /// Names that the query of `POST /score` can have.
    public static let names = [
        "labels", "fps", "threshold", "leave", "min_snippets", "merge_gap", "logits", "priority", "deadline",
        "callback",
        "name", "validate_only",
    ]

    /// What says how a job is handled and not how it is scored, which means nothing where there is no server.
    public static let ofServer: Set<String> = ["priority", "deadline", "callback", "name", "validate_only"]

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
        let given = try Parameters(parameters, among: Self.names) { Self.elsewhere($0) }
        labels = try Self.read(given["labels"]) { value throws(OptionError) in try Self.check(labels: value.list()) }
        fps = try Self.read(given["fps"]) { value throws(OptionError) in try value.number(in: 0.001...100_000) }
        if let value = given["threshold"] { segments.threshold = try value.float(in: 0...1) }
        segments.leave = segments.threshold
        if let value = given["leave"] { segments.leave = try value.float(in: 0...1) }
        if let value = given["min_snippets"] { segments.minimumSnippets = try value.whole(in: 1...Self.mostSnippets) }
        if let value = given["merge_gap"] { segments.mergeGap = try value.whole(in: 0...Self.mostSnippets) }
        logits = try given.flag("logits") ?? false
        validateOnly = try given.flag("validate_only") ?? false
        if let value = given["priority"] {
            priority = try value.word(among: Priority.allCases.map { ($0.name, $0) })
        }
        deadline = try Self.read(given["deadline"]) { value throws(OptionError) in try JobDeadline(value.text()) }
        callback = try Self.read(given["callback"]) { value throws(OptionError) in try value.text() }
        name = try Self.read(given["name"]) { value throws(OptionError) in try Self.name(value.text()) }
        guard segments.leave <= segments.threshold else {
            throw OptionError(
                name: "leave",
                problem: "\(segments.leave) is above the threshold \(segments.threshold): expected at most that")
        }
    }

    private static let mostSnippets = 1_000_000_000

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

    private static func name(_ text: String) throws(OptionError) -> String {
        guard (1...maxNameBytes).contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            throw OptionError(
                name: "name",
                problem:
                    "\(text.utf8.count) bytes given: expected 1 to \(maxNameBytes), none of them a control character")
        }
        return text
    }
}
