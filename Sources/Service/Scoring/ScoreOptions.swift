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
    public var deadline: Deadline?
    /// Where to say that it has ended.
    public var callback: String?
    /// What the client calls it.
    public var name: String?
    /// Report on the features and queue nothing.
    public var validateOnly = false

    /// The defaults.
    public init() {}
}

/// A query parameter that can't be taken.
public struct OptionError: Error, Equatable, CustomStringConvertible {
    /// The parameter's name.
    public let name: String
    /// What it was and what was expected.
    public let problem: String

    /// One sentence for a person.
    public var description: String { "\(name): \(problem)" }
}

extension ScoreOptions {
    /// Names that the query of `POST /score` can have.
    public static let names = [
        "labels", "fps", "threshold", "leave", "min_snippets", "merge_gap", "logits", "priority", "deadline",
        "callback",
        "name", "validate_only",
    ]

    /// Reads pairs of name and value; each name once.
    public init(pairs: some Sequence<(name: String, value: String)>) throws(OptionError) {
        var seen: Set<String> = []
        var leave: Float?
        for (name, value) in pairs {
            guard seen.insert(name).inserted else {
                throw OptionError(name: name, problem: "given twice: expected once")
            }
            switch name {
            case "labels": labels = try Self.labels(in: value)
            case "fps": fps = try Self.number(name, value, in: 0.001...100_000)
            case "threshold": segments.threshold = Float(try Self.number(name, value, in: 0...1))
            case "leave": leave = Float(try Self.number(name, value, in: 0...1))
            case "min_snippets": segments.minimumSnippets = try Self.count(name, value, from: 1)
            case "merge_gap": segments.mergeGap = try Self.count(name, value, from: 0)
            case "logits": logits = try Self.flag(name, value)
            case "deadline": deadline = try Deadline(value)
            case "callback": callback = value
            case "name": self.name = try Self.name(value)
            case "validate_only": validateOnly = try Self.flag(name, value)
            case "priority":
                guard let priority = Priority(name: value) else {
                    throw OptionError(
                        name: name, problem: "'\(value.prefix(40))' is none: expected low, normal or high")
                }
                self.priority = priority
            default:
                throw OptionError(
                    name: String(name.prefix(60)),
                    problem: "no such parameter: expected \(Self.names.joined(separator: ", "))")
            }
        }
        segments.leave = leave ?? segments.threshold
        guard segments.leave <= segments.threshold else {
            throw OptionError(
                name: "leave",
                problem: "\(segments.leave) is above the threshold \(segments.threshold): expected at most that")
        }
    }

    /// Bytes of one label.
    private static let maxLabelBytes = 400

    /// Labels separated by commas, the normal class first.
    public static func labels(in text: String) throws(OptionError) -> [String] {
        let labels = text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
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

    private static func number(
        _ name: String, _ text: String, in range: ClosedRange<Double>
    ) throws(OptionError) -> Double {
        let isDecimal = text.utf8.allSatisfy { "0123456789.eE+-".utf8.contains($0) }
        guard isDecimal, let value = Double(text), range.contains(value) else {
            throw OptionError(
                name: name,
                problem: "'\(text.prefix(40))' is out of range: expected a number from \(range.lowerBound) to "
                    + "\(Int(range.upperBound))")
        }
        return value
    }

    private static func count(_ name: String, _ text: String, from low: Int) throws(OptionError) -> Int {
        let isDecimal = text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard isDecimal, let value = Int(text), (low...1_000_000_000).contains(value) else {
            throw OptionError(
                name: name, problem: "'\(text.prefix(40))' is out of range: expected a whole number from \(low) on")
        }
        return value
    }

    private static func flag(_ name: String, _ text: String) throws(OptionError) -> Bool {
        switch text {
        case "true", "1", "": return true
        case "false", "0": return false
        default: throw OptionError(name: name, problem: "'\(text.prefix(40))' is neither: expected true or false")
        }
    }
}
