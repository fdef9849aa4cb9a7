import ArgumentParser
import Formats
import Numerics
import Service
import VadCLIP

/// `vigil score`.
struct ScoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score", abstract: "Score feature files with no server.",
        discussion: "Writes a JSON object a line, or a table with a bar chart where standard output is a terminal.")

    @Argument(help: "Feature files: .npy, .safetensors, .json, or float32 rows.")
    var files: [String]
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
        for file in files {
            let (result, warnings) = try score(file, model, classes, scorer, options)
            for warning in warnings { Terminal.note("\(file): \(warning)") }
            try write(result, file: file, warnings: warnings, format)
        }
        if !model.info.trained {
            Terminal.note("model '\(model.info.name)' is untrained: its scores mean nothing")
        }
    }

    private func score(
        _ file: String, _ model: Model, _ classes: ClassFeatures, _ scorer: VideoScorer, _ options: ScoreOptions
    ) throws -> (ScoreResult, warnings: [String]) {
        let width = model.configuration.width
        let array = try FeatureReader.array(at: file, width: width)
        let start = ContinuousClock.now
        do {
            let (features, report) = try FeatureCheck(width: width, fps: options.fps).accept(array)
            let logits = scorer.logits(of: features, classes: classes)
            if let snippet = logits.firstNotFinite {
                throw Failure(.badData, "\(file): the scores of snippet \(snippet) are not finite")
            }
            let result = ScoreResult(
                model: model, classes: classes, logits: logits, featuresSHA256: array.digest, options: options,
                queued: .zero, scored: ContinuousClock.now - start)
            return (result, report.warnings)
        } catch let error as FeatureError {
            throw Failure(.badData, "\(file): \(error)")
        }
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
