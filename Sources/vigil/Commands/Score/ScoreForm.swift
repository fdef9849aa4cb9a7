import ArgumentParser
import Platform
import Reports

/// How results are written.
enum ScoreForm: Equatable, Sendable {
    /// An object a file.
    case json
    /// The same, a line each, wherever they go.
    case jsonLines
    /// For a person at a terminal.
    case table
    /// A line a file.
    case summary
    case report(ReportFormat)

    /// The names that `--format` takes.
    static let names: [String] = {
        let own = ["auto", "json", "jsonl", "csv", "table", "summary"]
        return own + ReportFormat.allCases.filter { $0 != .csv }.map(\.rawValue)
    }()

    init?(named name: String) {
        switch name {
        case "json": self = .json
        case "jsonl": self = .jsonLines
        case "table": self = .table
        case "summary": self = .summary
        default:
            guard let format = ReportFormat(rawValue: name) else { return nil }
            self = .report(format)
        }
    }

    /// What a file's name may end in, for the form of it.
    private static let endings: [(ending: String, form: ScoreForm)] = [
        (".json", .json), (".jsonl", .jsonLines), (".ndjson", .jsonLines), (".csv", .report(.csv)),
        (".npy", .report(.npy)), (".srt", .report(.srt)), (".vtt", .report(.vtt)), (".svg", .report(.svg)),
        (".html", .report(.html)), (".htm", .report(.html)), (".txt", .table),
    ]

    /// The form that a file's name says; JSON where it has no ending. Throws for an ending that says none.
    init(ofFile path: String) throws(Failure) {
        let name = (path.utf8.lastIndex(of: ASCII.slash).map { String(path[path.utf8.index(after: $0)...]) } ?? path)
        guard let dot = name.utf8.lastIndex(of: ASCII.dot), dot > name.utf8.startIndex else {
            self = .json
            return
        }
        let ending = String(name[dot...])
        guard let known = Self.endings.first(where: { $0.ending.hasBytes(of: ending.asciiLowercase) }) else {
            throw Failure(
                .usage,
                "--output: \(quoted(path)) ends in \(quoted(ending)), which says no form: expected one of "
                    + "\(Self.endings.map(\.ending).joined(separator: ", ")), a name without an ending, a folder, or --format"
            )
        }
        self = known.form
    }

    var name: String {
        switch self {
        case .json: "json"
        case .jsonLines: "jsonl"
        case .table: "table"
        case .summary: "summary"
        case .report(let format): format.rawValue
        }
    }

    /// What files of it end in.
    var ending: String {
        switch self {
        case .json: "json"
        case .jsonLines: "jsonl"
        case .table, .summary: "txt"
        case .report(let format): format.ending
        }
    }

    /// Whether one file can hold the results of several.
    var isOfMany: Bool { if case .report(let format) = self { format.isOfMany } else { true } }

    /// Whether what is written is not for people to read.
    var isBinary: Bool { self == .report(.npy) }

    var hasComparison: Bool { self == .json || self == .jsonLines || self == .table }

    var hasFrames: Bool {
        switch self {
        case .json, .jsonLines: true
        case .table, .summary: false
        case .report(let format): format.hasFrames
        }
    }

    var hasSweep: Bool {
        switch self {
        case .json, .jsonLines, .table: true
        case .summary: false
        case .report(let format): format.hasSweep
        }
    }

    var hasBoxes: Bool { if case .report(let format) = self { format.hasBoxes } else { false } }
}

/// The options that say what is written, and where.
struct ScoreWriting: ParsableArguments {
    @Option(
        help: """
            Write here in place of standard output: a file that has all results, in the form that its ending says unless --format \
            does; or a folder, one that is there or ends in /, where each FILE gets a file of its name. What is there is replaced.
            """)
    var output: String?
    @Flag(help: "Give a score for each frame, which is that of its snippet: in json, jsonl, csv and npy.")
    var perFrame = false
    @Flag(
        help: """
            Tell what stands out at thresholds from 0.05 to 0.95, beside the results in json, jsonl, table and html, in their place \
            in csv.
            """)
    var sweep = false
    @Option(
        help: "Width and height of the frames, as 1280x720: the boxes of coco, dive-json and dive-csv are whole frames."
    )
    var frameSize: String?

    /// Width and height as they were given.
    var size: ReportedSize? {
        get throws {
            guard let frameSize else { return nil }
            let parts = frameSize.pieces(between: UInt8(ascii: "x"))
            let numbers = parts.compactMap { ASCII.number($0.utf8, most: 5) }
            guard parts.count == 2, numbers.count == 2, numbers.allSatisfy({ $0 > 0 }) else {
                throw Failure(
                    .usage, "--frame-size \(quoted(frameSize)): expected a width and a height, such as 1280x720")
            }
            return ReportedSize(width: numbers[0], height: numbers[1])
        }
    }
}
