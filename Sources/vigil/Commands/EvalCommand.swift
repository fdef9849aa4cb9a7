import ArgumentParser
import Datasets
import Evaluation
import Platform
import Scoring

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
    var bootstrap = 0
    @Option(help: "What the lists are drawn with.")
    var seed: UInt32 = 0
    @Option(help: "False alarms an hour that the proposed threshold may give.")
    var falseAlarms = 1.0
    @Flag(help: "Write JSON.")
    var json = false
    @Option(help: "Also write one HTML file with curves, tables and each video's timeline.")
    var report: String?
    @Option(help: "Also write the curves as SVG files into this folder, which is made.")
    var plots: String?
    @Flag(help: "Only check the list, annotations and features, each of them read; nothing is scored.")
    var check = false
    @Flag(help: "With --check: the list is one to train on, with several crops of a video.")
    var training = false

    func run() throws {
        try checkOptions()
        if check { return try EvalCheck(input: input, isTraining: training).run() }
        let scored = try input.scored()
        let threads = input.threads
        let evaluation = Evaluation(scored.videos, classes: scored.set.classes, normalTruth: scored.normalTruth)
        let rate = input.fps ?? scored.framesPerSecond
        let document = EvaluationDocument(
            evaluation, thresholds: Thresholds(scored.videos, framesPerSecond: rate, allowedPerHour: falseAlarms),
            bootstrap: bootstrap > 0
                ? Bootstrap(evaluation, draws: bootstrap, seed: UInt64(seed), threads: threads) : nil,
            dataset: scored.dataset, source: scored.source, notes: scored.notes + evaluation.doubts)
        try write(document)
    }

    private func checkOptions() throws {
        guard (0...100_000).contains(bootstrap) else {
            throw Failure(.usage, "--bootstrap \(bootstrap): expected 0 to 100000")
        }
        guard falseAlarms.isFinite, falseAlarms >= 0 else {
            throw Failure(.usage, "--false-alarms \(falseAlarms): expected a number an hour, 0 or more")
        }
        if training, !check { throw Failure(.usage, "--training goes with --check") }
        if let report {
            do throws(FileError) { try AtomicFile.check(path: report) } catch {
                throw Failure(.usage, "--report \(error)")
            }
        }
        try input.check(needsScores: !check)
        if let plots, !check { try EvalFiles.preparePlots(in: plots) }
    }

    /// The figures first: they are told even where a file can't be written.
    private func write(_ document: EvaluationDocument) throws {
        for note in document.notes { Terminal.note("note: \(note)") }
        if json {
            try Terminal.print(document.json, asJSON: true)
        } else {
            try Terminal.print(Array(EvalTable(document).text.utf8))
        }
        if let report { try EvalFiles.write(EvaluationReport(document).html, to: report) }
        if let plots { try EvalFiles.writePlots(of: document, to: plots) }
    }
}

/// What is measured, as the command line says it.
struct EvalInput: ParsableArguments {
    @Option(help: "The benchmark: ucf-crime or xd-violence. (default: by the model's classes, with --data)")
    var dataset: String?
    @Option(help: "Folder of the benchmark's test list and annotations.")
    var data: String?
    @Option(help: "The list of videos, a CSV of path,label with several labels between semicolons.")
    var list: String?
    @Option(
        help: "The annotations: a CSV of video,label,start,end, or a benchmark's. In frames; seconds as 12.5s or 1:02.")
    var annotations: String?
    @Flag(help: "Plain numbers in the annotations are seconds; needs --fps.")
    var seconds = false
    @Option(help: "Frames a second of the videos. (default: the benchmark's, else 30)")
    var fps: Double?
    @Option(help: "Folder of logits, NAME.npy of [T, 1 + classes]: the coarse logit, then the fine ones.")
    var logits: String?
    @Option(help: "Folder of features, in which the list's files are found by the ends of their paths.")
    var features: String?
    @Option(help: "The model file. (default: the embedded demo model)")
    var model: String?
    @Option(help: "Classes, separated by commas, the normal one first. (default: the dataset's, or the model's)")
    var labels: String?
    @Option(help: "Take the list's rows of this crop alone.")
    var crop: Int?
    @Option(help: "Threads. (default: the processors)")
    var workers: Int?
    @Option(help: "Kernels that score: auto, avx512, avx2, neon or portable.")
    var kernels: String?

    var threads: Int { workers ?? Processors.count }

    /// Throws at options that don't fit together.
    func check(needsScores: Bool) throws {
        if let dataset, Benchmark.named(dataset) == nil {
            throw Failure(
                .usage,
                "--dataset '\(dataset.prefix(40))': expected \(Benchmark.all.map(\.name).joined(separator: " or "))")
        }
        if logits != nil, features != nil || model != nil {
            throw Failure(.usage, "--logits are scores already: expected them, or --features with --model")
        }
        if needsScores, logits == nil, features == nil {
            throw Failure(
                .usage, "expected --logits DIR, or --features DIR with --model FILE (vigil help eval shows the options)"
            )
        }
        if dataset != nil, data == nil, list == nil || annotations == nil {
            throw Failure(.usage, "--dataset needs --data, the folder of its test list and annotations")
        }
        if dataset == nil, data == nil, list == nil {
            throw Failure(.usage, "expected --dataset with --data, or --list with --annotations")
        }
        if let fps, !(0.01...1_000).contains(fps) { throw Failure(.usage, "--fps \(fps): expected 0.01 to 1000") }
        if seconds, fps == nil { throw Failure(.usage, "--seconds needs --fps, the frames a second") }
        if let workers, !(1...1_024).contains(workers) {
            throw Failure(.usage, "--workers \(workers): expected 1 to 1024")
        }
    }

    /// A test list, how its classes are called, and what the dataset's protocol says.
    struct Loaded {
        let set: TestSet
        let dataset: String
        let framesPerSecond: Double
        let normalTruth: Bool
    }

    /// The list and its annotations, for these classes where the options name none.
    func testSet(classes: [String]?) throws -> Loaded {
        let benchmark = try benchmark(classes)
        let spelling = try spelling(benchmark, classes)
        guard let list = try list ?? published(benchmark?.testLists),
            let annotations = try annotations ?? published(benchmark?.annotations)
        else { throw Failure(.usage, "--list needs --annotations, and the other way round") }
        let truth = try Annotations(
            path: annotations, spelling: spelling, framesPerSecond: fps ?? benchmark?.framesPerSecond,
            inSeconds: seconds)
        let set = try TestSet(VideoList(path: list), annotations: truth, spelling: spelling, crop: crop)
        return Loaded(
            set: set, dataset: benchmark?.name ?? list, framesPerSecond: benchmark?.framesPerSecond ?? 30,
            normalTruth: benchmark?.normalTruth ?? true)
    }

    /// The benchmark's file, where the folder of its files is named.
    private func published(_ names: [String]?) throws -> String? {
        guard let names, let data else { return nil }
        return try Benchmark.file(names, in: data)
    }

    /// The benchmark that is named, or that the model's classes are of where a folder of data is named.
    private func benchmark(_ classes: [String]?) throws -> Benchmark? {
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
            guard let own, !ByteText.same(own, benchmark.spelling.classes) else { return benchmark.spelling }
            throw Failure(
                .badData,
                "the classes are \(own.joined(separator: ", ")): expected those of \(benchmark.name), "
                    + benchmark.spelling.classes.joined(separator: ", "))
        }
        if let own { return LabelSpelling.matching(own) }
        throw Failure(.usage, "--labels is needed: the classes, in the order of the logits, the normal one first")
    }
}
