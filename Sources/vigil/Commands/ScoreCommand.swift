import API
import ArgumentParser
import Engine
import Formats
import Numerics
import Scoring
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
        let model = try ModelSource.load(path: try settings.text("model"), kernels: kernels)
        let classes = try model.classes(for: options.labels)
        let scorer = VideoScorer(
            model: model, threads: try settings.integer(ifSet: "workers") ?? Processors.count)
        for note in Self.notes(on: options) { Terminal.note(note) }
        var failures = FileFailures(of: files.count)
        for file in files {
            do {
                for one in try await read(file, model, settings) {
                    let own = one.hasLabels ? try model.classes(for: one.options.labels) : classes
                    let result = try score(one, model, own, scorer)
                    let warnings = one.notes + one.report.warnings
                    for warning in warnings { Terminal.note("\(one.label): \(warning)") }
                    try write(
                        result, file: one.label, warnings: Self.notes(on: one.options) + warnings, format)
                }
            } catch {
                try failures.add(error, of: file)
            }
        }
        if !model.info.trained {
            Terminal.note("model '\(model.info.name)' is untrained: its scores mean nothing")
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
        return try await FeatureReader.matrices(in: file, isRows: raw, width: width).map { matrix in
            let options = try settings.scoreOptions(beside: matrix.parameters, in: matrix.label)
            do {
                try model.check(labels: options.labels)
                let (features, report) = try FeatureCheck(width: width, fps: options.fps).accept(matrix.array)
                return Accepted(
                    label: matrix.label, features: features, digest: matrix.array.digest, report: report,
                    notes: matrix.notes + Self.notes(ofServer: matrix.parameters), options: options,
                    hasLabels: matrix.parameters.contains { $0.name == "labels" })
            } catch {
                throw Failure(.badData, "\(matrix.label): \(error)")
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
            try Terminal.print(document.json(file: file, warnings: warnings))
        }
    }
}
