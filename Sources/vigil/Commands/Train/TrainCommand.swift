import API
import ArgumentParser
import Formats
import Platform
import Scoring
import Tensors
import Training
import VadCLIP

/// `vigil train`.
struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train a model on features and video-level labels.",
        discussion: """
            Writes a model file that vigil serve takes, and weights with the published names. Tells how far it is: a bar \
            where standard output is a terminal, else JSON, an object a line. SIGINT and SIGTERM save the state and end it \
            (130, 143); --resume goes on from there to the same bits.
            """)

    @OptionGroup(title: "Data") var inputs: TrainInputs
    @OptionGroup(title: "Recipe") var recipe: RecipeOptions
    @Option(
        help: """
            CLIP's text tower: a published VadCLIP checkpoint, CLIP's own state dict, or a model file that has kept it.
            """)
    var clip: String?
    @Option(
        name: .customLong("init"), help: "A checkpoint whose weights the training begins with. (default: by the seed)")
    var start: String?
    @Option(
        help: "CLIP's vocabulary, for labels other than the published ones: \(ImportOptions.vocabularySource).")
    var vocab: String?
    @Option(help: "The folder for what comes out; it is made, with those above it.")
    var output: String?
    @Option(
        help: "Train with so many seeds, from --seed on, each in a folder seed-N of --output, and tell mean and spread."
    )
    var seeds = 1
    @Flag(help: "Go on from the state that is in the output folder.")
    var resume = false
    @Option(help: "Steps from one saving of the state to the next.")
    var saveEvery = 10
    @Option(help: "Threads that compute; the result is the same for any number. (default: the processors)")
    var threads: Int?
    @OptionGroup var general: SettingGroup<TrainSettings.General>
    @Option(help: "The model's name. (default: the preset's, or own)")
    var name: String?
    @Option(help: "What is to be said wherever the model's scores are, as: only for the north gate.")
    var caveat: String?
    @Option(help: "The form of the weights with the published names: pth, safetensors or none.")
    var weights = "pth"
    @Option(
        help: """
            Kernels that the model file's weights are also stored prepared for: avx512, avx2, neon, portable or none. \
            (default: those that compute)
            """)
    var prepare: String?
    @Flag(
        help: """
            Keep CLIP's text tower in the model file, so that any labels can be scored; needs --vocab, or a model file as \
            --clip.
            """)
    var keepTextTower = false
    @Option(
        help: """
            The image tower that made the features, to keep in the model file, so that videos can be scored: a file of \
            vigil import, or CLIP's own.
            """)
    var imageTower: String?
    @Option(
        help: """
            Run exactly the steps of this JSON file from the weights of --init, and print losses and norms as JSON. Relative \
            paths of features are in the file's folder.
            """)
    var replay: String?
    @Option(help: "A file for the replayed weights, with the published names: .pth or .safetensors.")
    var replayWeights: String?
    @Flag(help: "Tell how far it is as JSON, an object a line, on a terminal too.")
    var json = false

    func run() async throws {
        let kernels = try Settings(.train, options: general.given).kernels()
        try checkNumbers()
        if let replay { return try run(replay, kernels) }
        if replayWeights != nil { Terminal.note("note: --replay-weights without effect: it goes with --replay") }
        guard let clip, let output else {
            throw Failure(
                .usage,
                self.clip == nil
                    ? "--clip is missing: a published VadCLIP checkpoint, or CLIP's own, for its text tower"
                    : "--output is missing: the folder for what comes out")
        }
        let runs = (0..<seeds).map { number in
            let seed = recipe.seed &+ UInt64(number)
            return (seed: seed, folder: seeds == 1 ? output : "\(output)/seed-\(seed)")
        }
        var folders = try OutputFolders(output, runs: runs.map(\.folder), resuming: resume)
        defer { withExtendedLifetime(folders) {} }
        let lists = try inputs.lists(preset: try recipe.benchmark())
        try recipe.check(labels: lists.spelling.classes)
        let source = try CheckpointSource(clip: Self.hold(clip, "--clip"))
        let job = try job(source, lists, kernels)
        let progress = TrainProgress(asLines: json || !Terminal.isInteractive)
        try progress.begin(job, seeds: seeds)
        let (stop, sources) = StopFlag.on(SIGINT, SIGTERM)
        defer { for source in sources { source.cancel() } }
        var results: [SeedResult] = []
        for run in runs {
            guard let result = try train(job, seed: run.seed, in: run.folder, &folders, progress, stop) else {
                throw ExitCode(128 + stop.signal)
            }
            results.append(result)
        }
        if seeds > 1 { try progress.end(results, metric: job.settings.metric) }
    }

    private func checkNumbers() throws(Failure) {
        for (option, value, range) in [
            ("--seeds", seeds, 1...1_000), ("--save-every", saveEvery, 1...1_000_000),
            ("--threads", threads ?? 1, 1...1_024),
        ] where !range.contains(value) {
            throw Failure(.usage, "\(option) \(value): expected \(range.lowerBound) to \(range.upperBound)")
        }
        try GivenName.check(name)
        if let caveat, !ModelFile.isCaveat(caveat) {
            throw Failure(
                .usage, "--caveat '\(caveat.prefix(40))': expected one line of at most \(ModelFile.longestCaveat) bytes"
            )
        }
        guard ["pth", "safetensors", "none"].contains(weights) else {
            throw Failure(.usage, "--weights '\(weights.prefix(40))': expected pth, safetensors or none")
        }
    }

    /// Reads all that the options name, and looks at it: the features last, which takes long.
    private func job(
        _ clip: CheckpointSource, _ lists: TrainInputs.Lists, _ kernels: Kernels
    ) throws -> TrainingJob {
        guard let width = clip.featureWidth else {
            throw Failure(.badData, "\(clip.file.path) has no text projection: expected CLIP's text tower")
        }
        let prepared = try PreparedFor.kernels(prepare, usual: kernels)
        let threads = threads ?? Processors.count
        let start = try start.map { try CheckpointSource(file: Self.hold($0, "--init")) }
        let vocabulary = try vocab.map(VocabularyFile.text) ?? clip.vocabulary
        if keepTextTower, vocabulary == nil {
            throw Failure(
                .usage, "--keep-text-tower needs CLIP's vocabulary by --vocab: \(ImportOptions.vocabularySource)")
        }
        let image = try imageTower.map { try ImageSource(file: Self.hold($0, "--image-tower")) }
        try image?.check(width: width)
        let settings = try recipe.settings(labels: lists.spelling.classes, width: width, metric: lists.metric)
        try TrainingJob.check(
            settings, clip: clip, start: start, vocabulary: vocabulary, validatesFrames: lists.validatesFrames)
        let need = try TrainingMemory(settings.training, threads: threads, clip: clip, start: start)
        try check(need, settings.training.model, threads: threads)
        if let warning = LabelList.warning(of: lists.spelling.classes) { Terminal.note("note: \(warning)") }
        for idle in inputs.idle(in: lists, metric: recipe.metric != nil) { Terminal.note("note: \(idle)") }
        if !json, Terminal.isInteractive, !inputs.skipCheck {
            try Terminal.print(Array("reading each feature file (--skip-check: headers alone)".utf8))
        }
        let found = try inputs.look(at: lists, width: width)
        var job = TrainingJob(
            settings: settings, data: found.data, validation: found.validation, validatedOn: lists.validatedOn,
            clip: clip, start: start, kernels: kernels, threads: threads, version: Vigil.version)
        job.vocabulary = vocabulary
        job.saveEvery = saveEvery
        if let name { job.name = name }
        job.caveat = caveat
        job.weights = TrainingJob.WeightsForm(rawValue: weights)
        job.keepTextTower = keepTextTower
        job.imageTower = image
        job.prepared = prepared
        return job
    }

    /// A file's bytes in memory of their own, so that nobody changes them in the hours of a training.
    private static func hold(_ path: String, _ option: String) throws -> MappedFile {
        let (size, all) = (try OpenFile(path: path).count, Memory.all)
        guard size < all else {
            throw Failure(
                .usage,
                "\(option) \(path) has \(ReportText.gigabytes(size)), which are held in memory, and there are "
                    + ReportText.gigabytes(all))
        }
        return try MappedFile(holding: path)
    }

    /// Throws where the machine has not the memory that a training takes.
    private func check(_ need: TrainingMemory, _ model: ModelConfiguration, threads: Int) throws(Failure) {
        guard need.all > Memory.all else { return }
        throw Failure(
            .usage,
            "--length \(model.length), --layers \(model.layers) and \(threads) threads take about "
                + "\(ReportText.gigabytes(need.all)) of memory, \(ReportText.gigabytes(need.tower + need.files)) of them for "
                + "CLIP and the files of --clip and --init, and there are \(ReportText.gigabytes(Memory.all)): a smaller "
                + "--length takes less")
    }

    private func train(
        _ job: TrainingJob, seed: UInt64, in folder: String, _ folders: inout OutputFolders, _ progress: TrainProgress,
        _ stop: StopFlag
    ) throws -> SeedResult? {
        let run = try TrainingJob.SeedRun(job, seed: seed, folder: folder, resuming: resume) { progress.tell($0) }
        try folders.make(folder)
        progress.begin(run, of: job)
        guard let result = try run(isStopped: { stop.isSet }) else {
            progress.stopped(in: folder)
            return nil
        }
        try progress.end(result, of: job)
        return result
    }
}

extension TrainCommand {
    /// The options among a command line's arguments that a replay does not read.
    static func idleInReplay(_ arguments: [String]) -> [String] {
        let read: Set<ByteText> = [
            "--replay", "--replay-weights", "--init", "--vocab", "--window", "--prefix", "--postfix", "--without",
            "--config", "--kernels", "--threads", "--json",
        ]
        return arguments.filter { $0.begins(with: "--") && $0.utf8.count > 2 }
            .map { String($0.pieces(between: UInt8(ascii: "="), most: 1)[0]) }
            .filter { !read.contains(ByteText($0)) }
    }

    private static func checkPlace(ofWeights path: String) throws(Failure) {
        guard path.ends(with: ".pth") || path.ends(with: ".safetensors") else {
            throw Failure(.usage, "--replay-weights '\(path)': expected a name that ends in .pth or .safetensors")
        }
        do { try AtomicFile.check(path: path) } catch { throw Failure(.usage, "--replay-weights \(error)") }
    }

    /// Runs the steps of a file from a checkpoint, and prints what each came to.
    private func run(_ path: String, _ kernels: Kernels) throws {
        guard let start else {
            throw Failure(
                .usage, "--init is missing: the checkpoint that --replay begins with, CLIP's text tower in it")
        }
        if let replayWeights { try Self.checkPlace(ofWeights: replayWeights) }
        let idle = Self.idleInReplay(CommandLine.arguments)
        if !idle.isEmpty {
            Terminal.note(
                "note: \(idle.joined(separator: ", ")) without effect: --replay has the steps and their settings")
        }
        let plan = try ReplayPlan(path: path)
        for name in plan.unread.prefix(5) {
            Terminal.note("note: nobody reads '\(name.prefix(60))' of \(path)")
        }
        let checkpoint = try CheckpointSource(file: Self.hold(start, "--init"))
        let usual = (prefix: recipe.prefix ?? 10, postfix: recipe.postfix ?? 10)
        var run = try ReplayRun(
            plan: plan, checkpoint: checkpoint, window: recipe.window, vocabulary: try vocab.map(VocabularyFile.text),
            prompt: usual, without: try recipe.without.map(RecipeOptions.ablations) ?? [],
            kernels: kernels, threads: threads ?? Processors.count)
        while !run.isOver { try run.advance() }
        if let replayWeights {
            try TrainedWeights(
                run.parameters.layout.tensors.map { tensor in
                    TrainedWeights.Tensor(
                        name: tensor.name, shape: tensor.shape, values: Array(run.parameters.values[tensor.range]))
                }, clip: checkpoint
            ).writeCheckpoint(to: replayWeights, isTorch: replayWeights.ends(with: ".pth"))
        }
        try Terminal.print(run.json, asJSON: true)
    }
}
