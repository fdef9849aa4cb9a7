import API
import ArgumentParser
import Scoring
import VadCLIP

/// `vigil score`.
struct ScoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score", abstract: "Score feature files and videos with no server.",
        discussion: """
            A video is decoded by ffmpeg, and its features are made by the model's image tower: vigil extract keeps them, and \
            docs/video.md says how. Writes a JSON object a line, or a table with a bar chart where standard output is a terminal; \
            --format and --output say otherwise. Files are scored on all processors at once, and what comes of them is written in the \
            order they were named. With --compare both models' results are written, and how they differ. A file that can't be scored \
            is told and the others are scored; the exit code is 65 then, or 66 if all that failed could not be opened.
            """)

    @Argument(
        help: """
            Feature files: .npy, .npz, .safetensors or .json, the first also in gzip; a tensor by torch.save; a MATLAB \
            file of version 5; tables of numbers as .csv or .tsv; float32 rows as .f32, .raw or .bin. Or videos. Of a folder all of these are taken, those of folders in it too, and of a pattern such as \
            'clips/*.npy' what is called so. A pipe is read to its end, and so is standard input, which is called -.
            """)
    var files: [String] = []
    @Flag(help: "The files are float32 rows, whatever they are called.")
    var raw = false
    @OptionGroup(title: "Writing") var writing: ScoreWriting
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
        let kernels = try settings.kernels()
        let argument = try settings.model()
        let compare = try settings.text("compare")
        let crop = try recipe.crop.map { try CropChoice(option: $0) }
        let inputs = try ScoreInputs(files, output: writing.output)
        let target = try ScoreTarget(
            writing, format: settings.text("format"), inputs: inputs.paths,
            others: [argument?.path, compare].compactMap { $0 }, isComparing: compare != nil)
        let first = try ScoringModel(argument?.path, as: argument?.name, options, kernels)
        let second = try compare.map { try ScoringModel($0, options, kernels) }
        try Self.check(first, second)
        let decoding = try raw ? nil : VideoScoring(inputs.paths, videos, recipe, model: argument?.path, settings)
        let pictures = try pictures(of: inputs.paths, by: decoding, isComparing: second != nil)
        for note in Self.notes(on: options) { Terminal.note(note) }
        let work = FileScoring(first: first, second: second, settings: settings, isRaw: raw, crop: crop)
        try await score(inputs.all, work, decoding, pictures, ScoreWriter(target, count: inputs.all.count))
    }

    /// Scores all of them, and writes what comes of each.
    private func score(
        _ inputs: [ScoreInputs.Input], _ work: FileScoring, _ decoding: VideoScoring?, _ pictures: SegmentPictures?,
        _ writer: ScoreWriter
    ) async throws {
        var failures = FileFailures(of: inputs.count)
        let threads = try work.settings.integer(ifSet: "workers") ?? Processors.count
        func take(_ outcome: FileOutcome, of input: String) throws {
            do {
                for scored in outcome.scored { try write(scored, of: input, pictures, to: writer) }
                if let error = outcome.error { throw error }
            } catch { try failures.add(error, of: input) }
        }
        if let decoding {
            // One at a time: each has ffmpeg, and all threads for its frames.
            for input in inputs {
                if input.failure == nil, VideoOptions.isVideo(input.path) {
                    try take(Self.outcome(ofVideo: input.path, work, decoding, threads), of: input.path)
                } else {
                    try take(await Self.outcome(of: input, work, threads), of: input.path)
                }
            }
        } else {
            let bar = inputs.count > 1 ? FilesBar(of: inputs.count) : nil
            defer { bar?.clear() }
            try await InOrder.run(inputs.count, lanes: threads) { index, left in
                await Self.outcome(of: inputs[index], work, max(1, threads / min(threads, left)))
            } take: { index, outcome in
                bar?.clear()
                try take(outcome, of: inputs[index].path)
                bar?.show(index + 1)
            }
        }
        try writer.end()
        for one in [work.first] + (work.second.map { [$0] } ?? []) {
            if let caution = one.model.info.caution { Terminal.note("model '\(one.name)': \(caution)") }
        }
        try failures.end()
    }

    private static func outcome(
        of input: ScoreInputs.Input, _ work: FileScoring, _ threads: Int
    ) async -> FileOutcome {
        if let failure = input.failure { return FileOutcome(error: failure) }
        return await work.outcome(of: input.path, threads: threads)
    }

    private static func outcome(
        ofVideo path: String, _ work: FileScoring, _ decoding: VideoScoring, _ threads: Int
    ) -> FileOutcome {
        do {
            return FileOutcome(scored: [try work.score(try work.read(video: path, by: decoding), threads: threads)])
        } catch { return FileOutcome(error: error) }
    }

    /// Writes what came of a file, with what is to be said of it.
    private func write(
        _ scored: ScoredFeatures, of file: String, _ pictures: SegmentPictures?, to writer: ScoreWriter
    ) throws {
        let one = scored.accepted
        var document = ScoreDocument(scored.result)
        let written = try (one.video?.times).flatMap { try pictures?.write(document, of: file, times: $0) }
        (document.times, document.thumbnails) = (one.times, written?.files ?? [:])
        let warnings = one.notes + one.report.warnings + (written?.warnings ?? [])
        for warning in warnings { Terminal.note("\(one.label): \(warning)") }
        try writer.add(
            ScoreWriter.Item(
                input: file, scored: scored, document: document, pictures: written?.pictures ?? [:],
                warnings: Self.notes(on: one.options) + warnings))
    }

    /// Throws where two models do not take the same features.
    private static func check(_ first: ScoringModel, _ second: ScoringModel?) throws {
        guard let second, second.width != first.width else { return }
        throw Failure(
            .badData,
            "--compare: '\(second.name)' takes rows of \(second.width) numbers, and "
                + "'\(first.name)' of \(first.width): expected two models of the same features")
    }

    /// What makes pictures where they are asked for.
    private func pictures(
        of files: [String], by decoding: VideoScoring?, isComparing: Bool
    ) throws -> SegmentPictures? {
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
            if OptionError.twice(own, beside)?.name == error.name {
                let place = self.label(of: Self.setting(error.name)) ?? "--\(Self.setting(error.name))"
                throw Failure(
                    .badData, "\(label): \(error.name): given twice, beside the features and by \(place): expected once"
                )
            }
            if beside.contains(where: { $0.name == error.name }) { throw Failure(.badData, "\(label): \(error)") }
            throw failure(Self.setting(error.name), error.problem)
        }
    }

    /// The setting that a parameter is.
    private static func setting(_ parameter: String) -> String {
        parameter.utf8Mapped { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 }
    }
}
