import API
import ArgumentParser
import Engine
import Formats
import Scoring
import Tensors
import VadCLIP

/// `vigil score`.
struct ScoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score", abstract: "Score feature files with no server.",
        discussion: """
            Writes a JSON object a line, or a table with a bar chart where standard output is a terminal. A file that \
            can't be scored is told and the others are scored; the exit code is 65 then, or 66 if all that failed could \
            not be opened.
            """)

    @Argument(
        help: """
            Feature files: .npy, .npz, .safetensors or .json, the first also in gzip; a tensor by torch.save; float32 rows \
            as .f32, .raw or .bin. A pipe is read to its end, and so is standard input, which is called -.
            """)
    var files: [String] = []
    @Flag(help: "The files are float32 rows, whatever they are called.")
    var raw = false
    @OptionGroup(title: "Scoring") var scoring: SettingGroup<ScoreSettings.Scoring>
    @OptionGroup var general: SettingGroup<ScoreSettings.General>

    func run() async throws {
        try FeatureReader.check(files, of: "score")
        let settings = try Settings(.score, options: scoring.given, general.given)
        let options = try settings.scoreOptions()
        let format = try settings.text("format")
        let kernels = try settings.kernels()
        let argument = try settings.model()
        let model = try ModelSource.load(argument, kernels: kernels)
        let classes = try model.classes(for: options.labels)
        let scorer = VideoScorer(
            model: model, threads: try settings.integer(ifSet: "workers") ?? Processors.count)
        for note in Self.notes(on: options) { Terminal.note(note) }
        var failures = FileFailures(of: files.count)
        for file in files {
            do {
                for one in try await read(file, model, settings) {
                    let own = one.hasLabels ? try model.classes(for: one.options.labels) : classes
                    var result = try score(one, model, own, scorer)
                    if let name = argument?.name { result.model = name }
                    let warnings = one.notes + one.report.warnings
                    for warning in warnings { Terminal.note("\(one.label): \(warning)") }
                    try write(
                        result, file: one.label, warnings: Self.notes(on: one.options) + warnings, format)
                }
            } catch {
                try failures.add(error, of: file)
            }
        }
        if let caution = model.info.caution {
            Terminal.note("model '\(model.info.name)': \(caution)")
        }
        try failures.end()
    }

    /// A matrix that can be scored.
    private struct Accepted {
        let label: String
        let features: Matrix
        let digest: String
        let report: FeatureReport
        let notes: [String]
        let options: ScoreOptions
        /// Whether its file names labels.
        let hasLabels: Bool
    }

    /// What is to be said of what was asked.
    private static func notes(on options: ScoreOptions) -> [String] {
        options.labels.flatMap { LabelList.warning(of: $0) }.map { [$0] } ?? []
    }

    /// The matrices of a file, all of which can be scored.
    private func read(_ file: String, _ model: Model, _ settings: Settings) async throws -> [Accepted] {
        let width = model.configuration.width
        let file = try FeatureReader.open(file, isRows: raw)
        return try await FeatureReader.matrices(in: file, isRows: raw, width: width).map { found in
            let options = try settings.scoreOptions(beside: found.parameters, in: found.label)
            do {
                try model.check(labels: options.labels)
                let (features, report) = try FeatureCheck(width: width, fps: options.fps).accept(found.matrix.array)
                return Accepted(
                    label: found.label, features: features, digest: found.matrix.array.digest, report: report,
                    notes: found.matrix.notes + Self.notes(ofServer: found.parameters), options: options,
                    hasLabels: found.parameters.contains { $0.name == "labels" })
            } catch {
                throw Failure(.badData, "\(found.label): \(error)")
            }
        }
    }

    /// What to say of parameters that mean something to a server alone.
    private static func notes(ofServer parameters: [Parameter]) -> [String] {
        parameters.filter { ScoreOptions.ofServer.contains($0.name) }
            .map { "'\($0.name)' beside the features is a server's, and means nothing here" }
    }

    private func score(
        _ one: Accepted, _ model: Model, _ classes: ClassFeatures, _ scorer: VideoScorer
    ) throws -> ScoreResult {
        let start = ContinuousClock.now
        let logits = scorer.logits(of: one.features, classes: classes)
        if let snippet = logits.firstNotFinite {
            let warnings = one.report.warnings.map { "; \($0)" }.joined()
            throw Failure(.badData, "\(one.label): the scores of snippet \(snippet) are not finite\(warnings)")
        }
        return ScoreResult(
            model: model, classes: classes, logits: logits, featuresSHA256: one.digest, options: one.options,
            queued: .zero,
            scored: ContinuousClock.now - start)
    }

    private func write(_ result: ScoreResult, file: String, warnings: [String], _ format: String?) throws {
        let document = ScoreDocument(result)
        if format == "table" || format != "json" && Terminal.isInteractive {
            try Terminal.print(Array(ScoreTable(file: file, document: document, columns: Terminal.columns).text.utf8))
        } else {
            try Terminal.print(document.json(file: file, warnings: warnings), asJSON: true)
        }
    }
}

extension Settings {
    /// What is asked of a score, checked as the service checks it.
    ///
    /// - Parameters:
    ///   - beside: what stands beside the features of a file, which may be given there or here
    ///   - label: what that file is called
    func scoreOptions(beside: [Parameter] = [], in label: String = "") throws -> ScoreOptions {
        let labels = try entries(ifSet: "labels").map { GivenValue.json(.array($0.map { .string($0) })) }
        let given: [(name: String, value: String?)] = [
            ("fps", try number(ifSet: "fps").map { "\($0)" }),
            ("threshold", try number(ifSet: "threshold").map { "\($0)" }),
            ("leave", try number(ifSet: "leave").map { "\($0)" }),
            ("min_snippets", "\(try integer("min-snippets"))"), ("merge_gap", "\(try integer("merge-gap"))"),
            ("logits", "\(try isOn("logits"))"),
        ]
        var own = labels.map { [Parameter("labels", $0)] } ?? []
        for (name, value) in given {
            // A default gives way to what the file says; what was set does not.
            let isSet = place(of: Self.setting(name)) != nil
            guard let value, isSet || !beside.contains(where: { $0.name == name }) else { continue }
            own.append(Parameter(name, .text(value)))
        }
        do throws(OptionError) { return try ScoreOptions(own + beside) } catch {
            if beside.contains(where: { $0.name == error.name }) { throw Failure(.badData, "\(label): \(error)") }
            throw failure(Self.setting(error.name), error.problem)
        }
    }

    /// The setting that a parameter is.
    private static func setting(_ parameter: String) -> String {
        parameter.utf8Mapped { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 }
    }
}

/// A result as a person reads it on a terminal: the video, a bar chart of the coarse scores, the segments.
private struct ScoreTable {
    let file: String
    let document: ScoreDocument
    /// The most lines of the chart; longer videos have several snippets a line, of which the highest counts.
    var chartLines = 24
    var columns = 80

    var text: String {
        var lines = header
        lines.append("")
        lines += chart
        lines.append("")
        lines += segments
        return lines.joined(separator: "\n")
    }

    private var result: ScoreResult { document.scored.result }

    private var header: [String] {
        let caution = ModelInfo.caution(trained: result.trained, caveat: result.caveat).map { "  (\($0))" } ?? ""
        let scores = zip(result.labels, document.scored.video.scores).sorted { $0.1 > $1.1 }.prefix(3)
            .map { "\($0) \(percent($1))" }.joined(separator: ", ")
        return [
            file,
            "  model     \(result.model)\(caution)",
            "  snippets  \(result.logits.snippets) of 16 frames" + duration,
            "  abnormal  \(percent(document.scored.video.coarse))",
            "  classes   \(scores)",
        ]
    }

    private var duration: String {
        guard let fps = result.options.fps else { return "" }
        return ", \(clock(Double(result.logits.snippets * 16) / fps)) at \(fps) frames a second"
    }

    private var chart: [String] {
        let coarse = document.scored.scores.coarse
        let step = max(1, (coarse.count + chartLines - 1) / chartLines)
        let digits = String(coarse.count).count
        let room = max(10, min(columns, 120) - 2 * digits - 14)
        return stride(from: 0, to: coarse.count, by: step).map { start in
            let end = min(start + step, coarse.count)
            let highest = coarse[start..<end].max() ?? 0
            let name = padded(step == 1 ? String(start) : "\(start)-\(end - 1)", to: 2 * digits + 1)
            return "  \(name)  \(percent(highest, width: 4)) \(bar(highest, room))"
        }
    }

    private var segments: [String] {
        guard !document.scored.segments.isEmpty else {
            return ["  no segment reaches \(result.options.segments.threshold)"]
        }
        let rows = document.scored.segments.map { segment in
            let seconds = result.options.fps.map { fps -> String in
                let time = segment.seconds(fps: fps)
                return "\(clock(time.start)) - \(clock(time.end))"
            }
            return ["\(segment.start) - \(segment.end)", seconds ?? "", percent(segment.score), segment.label]
        }
        let titles = ["snippets (end excluded)", result.options.fps == nil ? "" : "time", "score", "label"]
        let widths = titles.indices.map { column in ([titles] + rows).map { $0[column].count }.max() ?? 0 }
        return ([titles] + rows).map { row in
            let cells = zip(row, widths).filter { $1 > 0 }.map { padded($0, to: $1) }
            return "  " + String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }
    }

    private func bar(_ score: Float, _ room: Int) -> String {
        let eighths = Int((score * Float(room) * 8).rounded())
        let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        return String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
    }

    private func percent(_ value: Float, width: Int = 0) -> String {
        let text = "\(Int((value * 100).rounded()))%"
        return String(repeating: " ", count: max(0, width - text.count)) + text
    }

    private func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// m:ss.t, and h:mm:ss.t from an hour on.
    private func clock(_ seconds: Double) -> String {
        let tenths = Int((min(seconds, 1e12) * 10).rounded())
        let (hours, minutes, rest) = (tenths / 36_000, tenths / 600 % 60, tenths % 600)
        let begin = hours == 0 ? "" : "\(hours):\(minutes < 10 ? "0" : "")"
        return "\(begin)\(minutes):\(rest < 100 ? "0" : "")\(rest / 10).\(rest % 10)"
    }
}
