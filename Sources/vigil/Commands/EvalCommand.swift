import ArgumentParser
import Datasets
import Evaluation
import Platform
import Scoring
import Tensors
import VadCLIP

/// `vigil eval`.
struct EvalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval", abstract: "Measure scores against annotations: AUC, AP, detection mAP, thresholds.",
        discussion: """
            Takes a model and a folder of features (--model, --features), or logits that are there already (--logits). The \
            list and the annotations are a benchmark's (--dataset, --data) or one's own (--list, --annotations). Writes \
            tables, or JSON with --json. docs/evaluation.md explains the protocols and files.
            """)

    @OptionGroup(title: "What is measured") var input: EvalInput
    @Option(help: "Draw so many lists of videos for 95% confidence intervals, such as 1000. (default: none)")
    var bootstrap: Int?
    @Option(help: "What the lists are drawn with. (default: 0)")
    var seed: UInt32?
    @Option(help: "False alarms an hour, by --fps or else 30, that the proposed threshold may give. (default: 1)")
    var falseAlarms: Double?
    @Flag(help: "Write JSON.")
    var json = false
    @Option(help: "Also write one HTML file with curves, tables and each video's timeline.")
    var report: String?
    @Option(help: "Also write the curves as SVG files into this folder, which is made.")
    var plots: String?
    @Flag(
        help: "Only check the list, annotations and features or logits, each of them read: all that is wrong is told.")
    var check = false
    @Flag(help: "With --check: the list is one to train on, with several crops of a video.")
    var training = false
    @OptionGroup var general: SettingGroup<EvalSettings.General>

    func run() throws {
        let engine = try EvalEngine(input, general.given)
        try checkOptions(engine)
        for note in withoutEffect(engine) { Terminal.note("note: \(note)") }
        if check { return try EvalCheck(input: input, engine: engine, isTraining: training, asJSON: json).run() }
        let scored = try input.scored(by: engine)
        let evaluation = Evaluation(scored.videos, classes: scored.set.classes, normalTruth: scored.normalTruth)
        let rate = input.truth.fps ?? scored.framesPerSecond
        let document = EvaluationDocument(
            evaluation,
            thresholds: Thresholds(scored.videos, framesPerSecond: rate, allowedPerHour: falseAlarms ?? 1),
            bootstrap: draws > 0
                ? Bootstrap(evaluation, draws: draws, seed: UInt64(seed ?? 0), threads: engine.threads) : nil,
            dataset: scored.dataset, source: scored.source, kind: scored.kind, notes: scored.notes + evaluation.doubts)
        try write(document)
    }

    private var draws: Int { bootstrap ?? 0 }

    private func checkOptions(_ engine: EvalEngine) throws {
        guard (0...100_000).contains(draws) else {
            throw Failure(.usage, "--bootstrap \(draws): expected 0 to 100000")
        }
        if let falseAlarms, !falseAlarms.isFinite || falseAlarms < 0 {
            throw Failure(.usage, "--false-alarms \(falseAlarms): expected a number an hour, 0 or more")
        }
        if training, !check { throw Failure(.usage, "--training goes with --check") }
        try input.check(needsScores: !check)
        guard !check else { return }
        if let report {
            do throws(FileError) { try AtomicFile.check(path: report) } catch {
                throw Failure(.configuration, "--report \(error)")
            }
        }
        if let plots { try EvalFiles.checkPlots(in: plots) }
        try checkOutputs(engine)
    }

    /// Throws where what is written would take the place of what is read.
    private func checkOutputs(_ engine: EvalEngine) throws {
        var outputs = report.map { [(option: "--report", path: $0)] } ?? []
        if let plots { outputs += EvaluationCharts.fileNames.map { (option: "--plots", path: "\(plots)/\($0)") } }
        for (option, path) in outputs where input.reads(path, engine.model) {
            throw Failure(.usage, "\(option): '\(path)' is one of the files that are read: expected another")
        }
    }

    /// Options that are given and change nothing.
    private func withoutEffect(_ engine: EvalEngine) -> [String] {
        func told(_ options: [(name: String, isGiven: Bool)], _ why: String) -> [String] {
            options.filter(\.isGiven).map { "--\($0.name) has no effect \(why)" }
        }
        let files = told(
            [("data", input.data != nil && input.dataset != nil)], "where --list and --annotations are given")
        let seeds = told([("seed", seed != nil && draws == 0)], "without --bootstrap")
        guard check else {
            return seeds + (input.list != nil && input.truth.annotations != nil ? files : [])
                + told(
                    ["kernels", "compute"].map { ($0, engine.isOption($0) && input.logits != nil) },
                    "on logits that are there already")
        }
        let scoring = [
            ("bootstrap", bootstrap != nil), ("seed", seed != nil), ("false-alarms", falseAlarms != nil),
            ("report", report != nil), ("plots", plots != nil), ("workers", engine.isOption("workers")),
            ("kernels", engine.isOption("kernels") && engine.model == nil),
            ("compute", engine.isOption("compute") && engine.model == nil),
        ]
        let intervals = [
            ("annotations", input.truth.annotations != nil), ("seconds", input.truth.seconds),
            ("fps", input.truth.fps != nil),
        ]
        let areRead = !training && (input.truth.annotations != nil || input.data != nil)
        return told(scoring, "with --check")
            + (areRead ? [] : told(intervals, training ? "with --training" : "without --annotations"))
    }

    /// The figures first: they are told even where a file can't be written.
    private func write(_ document: EvaluationDocument) throws {
        for note in document.notes { Terminal.note("note: \(note)") }
        if json {
            try Terminal.print(document.json, asJSON: true)
        } else {
            try Terminal.print(Array(EvalTable(document).text.utf8))
        }
        if let report { try AtomicFile.write(EvaluationReport(document).html, to: report) }
        if let plots { try EvalFiles.writePlots(of: document, to: plots) }
    }
}

/// What is measured, as the command line says it.
struct EvalInput: ParsableArguments {
    @Option(help: "The benchmark: ucf-crime or xd-violence. (default: by the model's classes, with --data)")
    var dataset: String?
    @Option(help: "Folder of the benchmark's test list and annotations.")
    var data: String?
    @Option(
        help:
            "The list of videos, a CSV of path,label with several labels between semicolons. (default: the benchmark's)"
    )
    var list: String?
    @OptionGroup var truth: AnnotationOptions
    @Option(
        help: """
            Folder of logits, NAME.npy of [T, 1 + classes], a row for 16 frames: the coarse logit, then the fine ones, before \
            sigmoid and softmax.
            """)
    var logits: String?
    @Option(
        help: """
            The published model whose logits --logits has: how scores are made of them, and their classes. (default: \
            VadCLIP's way)
            """)
    var preset: String?
    @Option(help: "Folder of features, in which the list's .npy files are found by the ends of their paths.")
    var features: String?
    @Option(
        help: "The model file that scores the features. (default: the embedded demo model, for made-up scenes alone)")
    var model: String?
    @Option(
        help:
            "Classes, separated by commas, the normal one first; one's own logits need them. (default: the dataset's, or the model's)"
    )
    var labels: String?
    @Option(help: "Take the list's rows of this crop alone.")
    var crop: Int?
    /// Whether a file is one that is read, or is taken for one: it is there in a folder of them, and no page or chart.
    func reads(_ path: String, _ model: String?) -> Bool {
        let files = [list, truth.annotations, model].compactMap { $0 }
        if files.contains(where: { AtomicFile.isSameFile($0, path) }) { return true }
        guard !path.ends(with: ".html"), !path.ends(with: ".svg"), access(path, F_OK) == 0 else { return false }
        return [data, logits, features].compactMap { $0 }.contains { CanonicalPath.isWithin(path, folder: $0) }
    }

    /// Throws at options that don't fit together.
    func check(needsScores: Bool) throws {
        if let dataset, Benchmark.named(dataset) == nil {
            throw Failure(
                .usage,
                "--dataset '\(dataset.prefix(40))': expected \(Benchmark.all.map(\.name).joined(separator: " or "))")
        }
        if preset != nil {
            guard logits != nil else {
                throw Failure(.usage, "--preset goes with --logits: a model's file says how its scores are made")
            }
            _ = try knownPreset
        }
        if logits != nil, features != nil || model != nil {
            throw Failure(.usage, "--logits are scores already: expected them, or --features with --model")
        }
        if needsScores, logits == nil, features == nil {
            throw Failure(
                .usage,
                "expected --features DIR, scored by --model FILE or the embedded demo model, or --logits DIR; and --list with "
                    + "--annotations, or --dataset with --data (vigil help eval shows the options)")
        }
        if dataset != nil, data == nil, list == nil || truth.annotations == nil {
            throw Failure(.usage, "--dataset needs --data, the folder of its test list and annotations")
        }
        if dataset == nil, data == nil, list == nil {
            throw Failure(.usage, "expected --dataset with --data, or --list with --annotations")
        }
        try truth.check()
        if let crop, !(0...99).contains(crop) { throw Failure(.usage, "--crop \(crop): expected 0 to 99") }
    }

    /// The preset that is named.
    var knownPreset: Preset? {
        get throws(Failure) {
            guard let preset else { return nil }
            guard let known = Preset.named(preset) else {
                throw Failure(
                    .usage,
                    "--preset '\(preset.prefix(40))': expected \(Preset.all.map(\.name).joined(separator: ", "))")
            }
            return known
        }
    }

    /// A test list, how its classes are called, and what the dataset's protocol says.
    struct Loaded {
        let set: TestSet
        let dataset: String
        let framesPerSecond: Double
        let normalTruth: Bool
        /// What is doubtful about list and annotations.
        let notes: [String]
    }

    /// The list and its annotations, for these classes where the options name none.
    func testSet(classes: [String]?) throws -> Loaded {
        let benchmark = try benchmark(classes)
        let spelling = try spelling(benchmark, classes)
        guard let list = try listPath(benchmark), let annotations = try annotationsPath(benchmark)
        else { throw Failure(.usage, "--list needs --annotations, and the other way round") }
        let intervals = try truth.read(annotations, spelling, rate: benchmark?.framesPerSecond)
        let set = try TestSet(VideoList(path: list), annotations: intervals, spelling: spelling, crop: crop)
        try set.findings.check()
        let doubts = set.findings.map(\.description) + ignored(intervals)
        return Loaded(
            set: set, dataset: benchmark?.name ?? list, framesPerSecond: benchmark?.framesPerSecond ?? 30,
            normalTruth: benchmark?.normalTruth ?? true, notes: set.notes + doubts)
    }

    /// The list that is named, or the benchmark's; that to train on where it is asked for.
    func listPath(_ benchmark: Benchmark?, isTraining: Bool = false) throws -> String? {
        try list ?? published(isTraining ? benchmark?.trainingLists : benchmark?.testLists)
    }

    /// The annotations that are named, or the benchmark's.
    func annotationsPath(_ benchmark: Benchmark?) throws -> String? {
        try truth.annotations ?? published(benchmark?.annotations)
    }

    /// What is to be said of an option that these annotations give no effect.
    func ignored(_ intervals: Annotations) -> [String] {
        truth.seconds && !intervals.isTable
            ? ["--seconds has no effect on \(intervals.path), which is a benchmark's and counts frames"] : []
    }

    /// The benchmark's file, where the folder of its files is named.
    private func published(_ names: [String]?) throws -> String? {
        guard let names, let data else { return nil }
        return try Benchmark.file(names, in: data)
    }

    /// The benchmark that is named, or that the model's classes are of where a folder of data is named.
    func benchmark(_ classes: [String]?) throws -> Benchmark? {
        if let dataset { return Benchmark.named(dataset) }
        guard data != nil else { return nil }
        guard let classes, let found = Benchmark.matching(classes) else {
            throw Failure(.usage, "--data is a benchmark's: name it by --dataset ucf-crime or xd-violence")
        }
        return found
    }

    func spelling(_ benchmark: Benchmark?, _ classes: [String]?) throws -> LabelSpelling {
        let own = try labels.map { try ScoreOptions.labels(in: $0) } ?? classes
        if let benchmark {
            guard let own, !benchmark.spelling.isOf(own) else { return benchmark.spelling }
            throw Failure(
                .badData,
                "the classes are \(own.joined(separator: ", ")): expected those of \(benchmark.name), "
                    + benchmark.spelling.classes.joined(separator: ", "))
        }
        if let own { return LabelSpelling.matching(own) }
        throw Failure(.usage, "--labels is needed: the classes, in the order of the logits, the normal one first")
    }
}
