import ArgumentParser
import Engine
import Formats
import Numerics
import Service
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
            as .f32, .raw or .bin.
            """)
    var files: [String]
    @Flag(help: "The files are float32 rows, whatever they are called.")
    var raw = false
    @OptionGroup(title: "Scoring") var scoring: SettingGroup<ScoreSettings.Scoring>
    @OptionGroup var general: SettingGroup<ScoreSettings.General>

    func run() async throws {
        let settings = try Settings(.score, options: scoring.given, general.given)
        let options = try settings.scoreOptions()
        let format = try settings.text("format")
        let kernels = try settings.kernels()
        let model = try ModelSource.load(path: try settings.text("model"), kernels: kernels)
        let classes = try model.classes(for: options.labels)
        let scorer = VideoScorer(
            model: model, threads: try settings.integer(ifSet: "workers") ?? Processors.count)
        let labelled = options.labels.flatMap { LabelList.warning(of: $0) }.map { [$0] } ?? []
        for note in labelled { Terminal.note(note) }
        var failures = FileFailures(of: files.count)
        for file in files {
            do {
                for one in try await read(file, model, options) {
                    let result = try score(one, model, classes, scorer, options)
                    let warnings = one.notes + one.report.warnings
                    for warning in warnings { Terminal.note("\(one.label): \(warning)") }
                    try write(result, file: one.label, warnings: labelled + warnings, format)
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
    }

    /// The matrices of a file, all of which can be scored.
    private func read(_ file: String, _ model: Model, _ options: ScoreOptions) async throws -> [Accepted] {
        let width = model.configuration.width
        return try await FeatureReader.matrices(at: file, isRows: raw, width: width).map { matrix in
            do {
                let (features, report) = try FeatureCheck(width: width, fps: options.fps).accept(matrix.array)
                return Accepted(
                    label: matrix.label, features: features, digest: matrix.array.digest, report: report,
                    notes: matrix.notes)
            } catch {
                throw Failure(.badData, "\(matrix.label): \(error)")
            }
        }
    }

    private func score(
        _ one: Accepted, _ model: Model, _ classes: ClassFeatures, _ scorer: VideoScorer, _ options: ScoreOptions
    ) throws -> ScoreResult {
        let start = ContinuousClock.now
        let logits = scorer.logits(of: one.features, classes: classes)
        if let snippet = logits.firstNotFinite {
            let warnings = one.report.warnings.map { "; \($0)" }.joined()
            throw Failure(.badData, "\(one.label): the scores of snippet \(snippet) are not finite\(warnings)")
        }
        return ScoreResult(
            model: model, classes: classes, logits: logits, featuresSHA256: one.digest, options: options, queued: .zero,
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
