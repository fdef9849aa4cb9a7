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
        commandName: "score", abstract: "Score feature files and videos with no server.",
        discussion: """
            A video is decoded by ffmpeg, and its features are made by the model's image tower: vigil extract keeps them, and \
            docs/video.md says how. Writes a JSON object a line, or a table with a bar chart where standard output is a terminal. With \
            --compare both models' results are written, and how they differ. A file that can't be scored is told and the \
            others are scored; the exit code is 65 then, or 66 if all that failed could not be opened.
            """)

    @Argument(
        help: """
            Feature files: .npy, .npz, .safetensors or .json, the first also in gzip; a tensor by torch.save; float32 rows \
            as .f32, .raw or .bin. Or videos. A pipe is read to its end, and so is standard input, which is called -.
            """)
    var files: [String] = []
    @Flag(help: "The files are float32 rows, whatever they are called.")
    var raw = false
    @OptionGroup(title: "Videos") var videos: VideoOptions
    @Option(
        help: """
            Write a picture of each segment of a video to this folder: NAME-START.jpg, with START the snippet that it begins at. \
            One that is there is replaced.
            """)
    var thumbnails: String?
    @OptionGroup(title: "Features of videos") var recipe: RecipeChoice
    @OptionGroup(title: "Scoring") var scoring: SettingGroup<ScoreSettings.Scoring>
    @OptionGroup var general: SettingGroup<ScoreSettings.General>

    func run() async throws {
        try FeatureReader.check(files, of: "score")
        let settings = try Settings(.score, options: scoring.given, general.given)
        let options = try settings.scoreOptions()
        let format = try settings.text("format")
        let kernels = try settings.kernels()
        let argument = try settings.model()
        let first = try ScoringModel(argument?.path, as: argument?.name, options, kernels, settings)
        let second = try settings.text("compare").map { try ScoringModel($0, options, kernels, settings) }
        try Self.check(first, second)
        let decoding = try raw ? nil : VideoScoring(files, videos, recipe, model: argument?.path, settings)
        let pictures = try pictures(by: decoding, isComparing: second != nil)
        for note in Self.notes(on: options) { Terminal.note(note) }
        var failures = FileFailures(of: files.count)
        for file in files {
            do {
                for one in try await read(file, by: first, decoding, settings) {
                    let result = try score(one, by: first)
                    let other = try second.map { try score(one, by: $0) }
                    let written = try one.videoTimes.flatMap {
                        try pictures?.write(ScoreDocument(result), of: file, times: $0)
                    }
                    let warnings = one.notes + one.report.warnings + (written?.warnings ?? [])
                    for warning in warnings { Terminal.note("\(one.label): \(warning)") }
                    try write(
                        result, other, times: one.times, thumbnails: written?.files ?? [:], file: one.label,
                        warnings: Self.notes(on: one.options) + warnings, format)
                }
            } catch {
                try failures.add(error, of: file)
            }
        }
        for one in [first] + (second.map { [$0] } ?? []) {
            if let caution = one.model.info.caution { Terminal.note("model '\(one.name)': \(caution)") }
        }
        try failures.end()
    }

    /// A model, and what it takes to score with it.
    private struct ScoringModel {
        let model: Model
        /// What is scored against unless a file says otherwise.
        let classes: ClassFeatures
        let scorer: VideoScorer
        /// What it is called: the name that it was given, or its own.
        let name: String
        var width: Int { model.configuration.width }

        init(
            _ path: String?, as name: String? = nil, _ options: ScoreOptions, _ kernels: Kernels, _ settings: Settings
        ) throws {
            model = try ModelSource.load(path: path, kernels: kernels)
            self.name = name ?? model.info.name
            classes = try model.classes(for: options.labels, called: self.name)
            scorer = VideoScorer(
                model: model, threads: try settings.integer(ifSet: "workers") ?? Processors.count)
        }

        func classes(for labels: [String]?) throws(ModelError) -> ClassFeatures {
            try model.classes(for: labels, called: name)
        }
    }

    /// Throws where two models do not take the same features.
    private static func check(_ first: ScoringModel, _ second: ScoringModel?) throws {
        guard let second, second.width != first.width else { return }
        throw Failure(
            .badData,
            "--compare: '\(second.name)' takes rows of \(second.width) numbers, and "
                + "'\(first.name)' of \(first.width): expected two models of the same features")
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
        /// When each snippet begins and the last one ends; empty where that is not known.
        var times: [Double] = []
        /// The same of a video, whatever rate was given; nil of other files.
        var videoTimes: [Double]?
    }

    /// What makes pictures where they are asked for.
    private func pictures(by decoding: VideoScoring?, isComparing: Bool) throws -> SegmentPictures? {
        guard let thumbnails else { return nil }
        guard !isComparing else {
            throw Failure(
                .usage, "--thumbnails: pictures are of one model's segments, and --compare names a second one")
        }
        guard let decoding else {
            throw Failure(.usage, "--thumbnails: pictures are made of videos, and none is named")
        }
        return try SegmentPictures(thumbnails, of: files, by: decoding.ffmpeg)
    }

    /// What is to be said of what was asked.
    private static func notes(on options: ScoreOptions) -> [String] {
        options.labels.flatMap { LabelList.warning(of: $0) }.map { [$0] } ?? []
    }

    /// The matrices of a file, all of which can be scored.
    ///
    /// - Parameter decoding: what makes features of it where it is a video
    private func read(
        _ file: String, by scoring: ScoringModel, _ decoding: VideoScoring?, _ settings: Settings
    ) async throws -> [Accepted] {
        let width = scoring.width
        if let decoding, VideoOptions.isVideo(file) {
            return [try accepted(decoding.features(of: file), of: file, by: scoring, settings)]
        }
        let file = try FeatureReader.open(file, isRows: raw)
        return try await FeatureReader.matrices(in: file, isRows: raw, width: width).map { found in
            var options = try settings.scoreOptions(beside: found.parameters, in: found.label)
            let known =
                options.fps == nil ? RecipeTimes(beside: found.label, of: found.matrix.array) : nil
            options.fps = options.fps ?? known?.fps
            do {
                try scoring.model.check(labels: options.labels, called: scoring.name)
                let (features, report) = try FeatureCheck(width: width, fps: options.fps).accept(found.matrix.array)
                return Accepted(
                    label: found.label, features: features, digest: found.matrix.array.digest, report: report,
                    notes: found.matrix.notes + Self.notes(ofServer: found.parameters), options: options,
                    hasLabels: found.parameters.contains { $0.name == "labels" }, times: known?.times ?? [])
            } catch {
                throw Failure(.badData, "\(found.label): \(error)")
            }
        }
    }

    /// A video's features, as they can be scored. A rate that is asked for counts more than its own times.
    private func accepted(
        _ found: VideoScoring.Found, of file: String, by scoring: ScoringModel, _ settings: Settings
    ) throws -> Accepted {
        var options = try settings.scoreOptions()
        let isRateGiven = options.fps != nil
        options.fps = options.fps ?? found.fps
        do {
            try scoring.model.check(labels: options.labels, called: scoring.name)
            let (features, report) = try FeatureCheck(width: scoring.width, fps: options.fps).accept(found.array)
            return Accepted(
                label: file, features: features, digest: found.array.digest, report: report, notes: found.warnings,
                options: options, hasLabels: false, times: isRateGiven ? [] : found.times, videoTimes: found.times)
        } catch {
            throw Failure(.badData, "\(file): \(error)")
        }
    }

    /// What to say of parameters that mean something to a server alone.
    private static func notes(ofServer parameters: [Parameter]) -> [String] {
        parameters.filter { ScoreOptions.ofServer.contains($0.name) }
            .map { "'\($0.name)' beside the features is a server's, and means nothing here" }
    }

    private func score(_ one: Accepted, by scoring: ScoringModel) throws -> ScoreResult {
        let classes = one.hasLabels ? try scoring.classes(for: one.options.labels) : scoring.classes
        let start = ContinuousClock.now
        let logits = scoring.scorer.logits(of: one.features, classes: classes)
        if let snippet = logits.firstNotFinite {
            let warnings = one.report.warnings.map { "; \($0)" }.joined()
            throw Failure(.badData, "\(one.label): the scores of snippet \(snippet) are not finite\(warnings)")
        }
        var result = ScoreResult(
            model: scoring.model, classes: classes, logits: logits, featuresSHA256: one.digest, options: one.options,
            queued: .zero,
            scored: ContinuousClock.now - start)
        result.model = scoring.name
        return result
    }

    /// - Parameters:
    ///   - other: what the other model made of it, where there is one
    ///   - times: when each snippet begins and the last one ends, where that is known
    ///   - thumbnails: pictures of segments, by where these begin
    private func write(
        _ result: ScoreResult, _ other: ScoreResult?, times: [Double], thumbnails: [Int: String], file: String,
        warnings: [String], _ format: String?
    ) throws {
        let isTable = format == "table" || format != "json" && Terminal.isInteractive
        if let other {
            let document = ComparisonDocument(result, other, times: times)
            guard isTable else {
                return try Terminal.print(document.json(file: file, warnings: warnings), asJSON: true)
            }
            let table = ComparisonTable(file: file, document: document, columns: Terminal.columns)
            return try Terminal.print(Array(table.text.utf8))
        }
        var document = ScoreDocument(result)
        (document.times, document.thumbnails) = (times, thumbnails)
        guard isTable else { return try Terminal.print(document.json(file: file, warnings: warnings), asJSON: true) }
        try Terminal.print(Array(ScoreTable(file: file, document: document, columns: Terminal.columns).text.utf8))
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
