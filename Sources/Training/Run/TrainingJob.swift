import CLIP
import Formats
import JSON
import Platform
public import Tensors
public import VadCLIP

/// All that a training is made of: settings, data, CLIP, and where its files go. Each seed is a run of its own.
public struct TrainingJob {
    /// Settings, but for the seed, which each run has its own of.
    public var settings: RunSettings
    /// The training list.
    public var data: TrainingData
    /// What weights are validated on.
    public var validation: RunValidation?
    /// What the validation list is, for who reads the figures: weights that are the best on a test list are so by its help.
    public var validatedOn: String
    /// CLIP's text tower.
    public var clip: CheckpointSource
    /// CLIP's vocabulary; needed for labels that are not published ones, and to keep the text tower.
    public var vocabulary: String?
    /// Where the weights begin, in place of the seed.
    public var start: CheckpointSource?
    /// The kernels that compute.
    public var kernels: Kernels
    /// Threads that compute; they don't change a bit.
    public var threads: Int
    /// Steps from one saving of the state to the next.
    public var saveEvery: Int
    /// The model's name.
    public var name: String
    /// The form of the file with the published names; nil for none.
    public var weights: WeightsForm?
    /// Whether CLIP's text tower is kept in the model file.
    public var keepTextTower: Bool
    /// The kernels that the model file's weights are also stored prepared for; none where nil.
    public var prepared: Kernels?
    /// What is to be said wherever the model's scores are.
    public var caveat: String?
    /// The image tower that is kept in the model file; none where nil.
    public var imageTower: ImageSource?
    /// Vigil's version.
    public var version: String
    /// SHA-256 of CLIP's file and of the start's.
    public let digests: (clip: String, start: String?)

    /// The form of a file with the published names.
    public enum WeightsForm: String, Sendable, CaseIterable {
        case pth
        case safetensors
    }

    /// A job with the usual settings for what is not given.
    public init(
        settings: RunSettings, data: TrainingData, validation: RunValidation?, validatedOn: String,
        clip: CheckpointSource, start: CheckpointSource?, kernels: Kernels, threads: Int, version: String
    ) {
        self.settings = settings
        self.data = data
        self.validation = validation
        self.validatedOn = validatedOn
        self.clip = clip
        self.start = start
        self.kernels = kernels
        self.threads = threads
        self.version = version
        saveEvery = 10
        name = settings.recipe
        weights = .pth
        prepared = kernels
        keepTextTower = false
        digests = (FileDigest(of: clip.file).value, start.map { FileDigest(of: $0.file).value })
    }

    /// The text tower as the settings have it; throws `ModelError`.
    func tower() throws(ModelError) -> TextTower.Configuration { try Self.tower(settings, clip) }

    private static func tower(
        _ settings: RunSettings, _ clip: CheckpointSource
    ) throws(ModelError) -> TextTower.Configuration {
        let own = settings.training
        return try clip.textTower(width: own.model.width, prefix: own.prefix, postfix: own.postfix)
    }

    /// The memory that a run takes.
    public func memory() throws(ModelError) -> TrainingMemory {
        try TrainingMemory(settings.training, threads: threads, clip: clip, start: start)
    }

    /// The labels' tokens; throws `ModelError`.
    func tokens() throws(ModelError) -> [[Int]] {
        try LabelTokens.of(settings.training.model.labels, vocabulary: vocabulary, tower: try tower())
    }

    func layout() throws(ModelError) -> ParameterLayout {
        let tower = try tower()
        return ParameterLayout(settings.training.model, context: tower.context, textWidth: tower.width)
    }

    /// Throws what would stop a run before its first step, of all that can be told without features.
    ///
    /// - Parameters:
    ///   - settings: of the run
    ///   - clip: has CLIP's text tower
    ///   - start: where the weights begin, in place of the seed
    ///   - vocabulary: text of CLIP's vocabulary file
    ///   - validatesFrames: whether annotated frames are validated on; nil where nothing is
    public static func check(
        _ settings: RunSettings, clip: CheckpointSource, start: CheckpointSource?, vocabulary: String?,
        validatesFrames: Bool?
    ) throws {
        try start?.checkIsVadCLIP()
        try settings.validate()
        let own = settings.training
        try clip.check(prefix: own.prefix, postfix: own.postfix)
        _ = try LabelTokens.of(own.model.labels, vocabulary: vocabulary, tower: try tower(settings, clip))
        if validatesFrames == false, settings.metric != .aucVideo {
            throw RunError.badSetting(
                "--metric \(settings.metric.rawValue) needs annotated frames by --annotations; auc_video needs none")
        }
        if validatesFrames != nil, settings.metric.isFine, own.without.contains(.alignment) {
            throw RunError.badSetting(
                "--metric \(settings.metric.rawValue) is of the A-Branch, which --without a-branch leaves out: --metric "
                    + "auc_coarse makes weights the best by coarse scores")
        }
        if let start, let size = start.size, size != (own.model.width, own.model.length, own.model.layers) {
            throw RunError.badSetting(
                "the weights of \(start.file.path) are of width \(size.width), length \(size.length) and "
                    + "\(size.layers) layers, and this training is of \(own.model.width), \(own.model.length) and "
                    + "\(own.model.layers)")
        }
    }

    /// Names of all files that runs write into their folder.
    public static let fileNames =
        [FileName.state, FileName.model] + WeightsForm.allCases.map { FileName.weights + $0.rawValue }

    /// Throws where what a run writes can't stand in a folder: `FileError`.
    public static func checkFiles(in folder: String) throws(FileError) {
        for name in fileNames { try AtomicFile.check(path: folder + "/" + name) }
    }

    private enum FileName {
        static let state = "state.safetensors", model = "model.safetensors", weights = "weights."
    }

    /// The file of a run's state.
    public static func state(in folder: String) -> String { folder + "/" + FileName.state }

    private static func model(in folder: String) -> String { folder + "/" + FileName.model }

    /// The file with the published names.
    private func published(in folder: String) -> String? {
        weights.map { folder + "/" + FileName.weights + $0.rawValue }
    }

    /// What a run with this seed is made with; another's state is told from its own by it. It has more than a model's
    /// record: what may be otherwise where the same model comes out.
    func identity(seed: UInt64) -> [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                write(identityOf: seed, to: &json)
                json.member("vigil", version)
                json.member("feature_files_sha256", data.featuresDigest)
                json.member("validation_feature_files_sha256", validation?.featuresDigest)
            }
        }
    }

    private func write(identityOf seed: UInt64, to json: inout JSONWriter) {
        var settings = settings
        settings.seed = seed
        json.key("settings")
        json.raw(settings.json)
        json.key("data")
        json.object { data.write(to: &$0) }
        json.key("validation")
        if let validation { json.object { validation.write(to: &$0) } } else { json.null() }
        json.member("clip_sha256", digests.clip)
        json.member("start_sha256", digests.start)
        json.member("kernels", kernels.name)
    }

    /// How a model was trained, for its file.
    func record(seed: UInt64, _ history: RunHistory, figures: RunHistory.Validation?) -> [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("vigil", version)
                write(identityOf: seed, to: &json)
                json.key("history")
                json.object { history.write(to: &$0) }
                json.member("kept", settings.kept == .best && history.best != nil ? "best" : "last")
                json.member("validated_on", validation == nil ? nil : validatedOn)
                json.key("figures")
                if let figures { figures.write(to: &json) } else { json.null() }
            }
        }
    }
}

/// What the run of one seed came to.
public struct SeedResult: Sendable {
    /// The seed.
    public let seed: UInt64
    /// Figures of the weights that are kept; nil without a validation.
    public let figures: RunHistory.Validation?
    /// The files that were written.
    public let files: [String]
    /// How it was trained, as JSON: what the model file has.
    public let record: [UInt8]
}

extension TrainingJob {
    /// One seed's run, ready to go on.
    public final class SeedRun {
        /// Its seed.
        public let seed: UInt64
        private let job: TrainingJob
        private let folder: String
        private let learner: Trainer
        private let run: TrainingRun
        private let validate: (([Float]?) throws -> [RunSettings.Metric: Double])?

        /// Makes what learns, and takes up its state.
        ///
        /// - Parameters:
        ///   - job: what was checked
        ///   - seed: of the run
        ///   - folder: where its files go; it must be there
        ///   - resuming: whether it goes on from the state that is there, if one is
        ///   - tell: is told as it goes on
        public init(
            _ job: TrainingJob, seed: UInt64, folder: String, resuming: Bool, tell: @escaping (RunEvent) -> Void
        ) throws {
            var settings = job.settings
            settings.seed = seed
            let layout = try job.layout()
            let parameters =
                if let start = job.start { try Parameters(layout: layout, from: start) } else {
                    Parameters(layout: layout, seed: seed)
                }
            let learner = try Trainer(
                settings: settings.training, parameters: parameters, clip: job.clip, tower: try job.tower(),
                tokens: try job.tokens(), words: try LabelTokens.handWrittenPrompt(vocabulary: job.vocabulary),
                kernels: job.kernels, threads: job.threads)
            let (data, model) = (job.data, settings.training.model)
            let validate = job.validation.map { validation in
                { (weights: [Float]?) throws -> [RunSettings.Metric: Double] in
                    if let weights { learner.parameters.values = weights }
                    return validation.figures(
                        of: try validation.evaluated { learner.logits(of: $0) },
                        hasFine: !settings.training.without.contains(.alignment))
                }
            }
            run = try TrainingRun(
                settings,
                TrainingRun.Parts(
                    learner: learner, isNormal: data.isNormal, load: { try data.sample($0, model: model) },
                    validate: validate.map { validate in { try validate(nil) } },
                    file: RunStateFile(path: TrainingJob.state(in: folder), identity: job.identity(seed: seed)),
                    saveEvery: job.saveEvery), resuming: resuming, tell: tell)
            self.seed = seed
            self.job = job
            self.folder = folder
            self.learner = learner
            self.validate = validate
        }

        /// Steps of an epoch.
        public var stepsPerEpoch: Int { run.stepsPerEpoch }
        /// Samples of an epoch.
        public var samplesPerEpoch: Int { run.samplesPerEpoch }
        /// Steps that were done before it goes on.
        public var done: Int { run.done }

        /// Goes on to the end, and writes what came out; nil where it was stopped, and its state is saved.
        public func callAsFunction(isStopped: () -> Bool) throws -> SeedResult? {
            guard try run.run(isStopped: isStopped) == .finished else { return nil }
            let weights = run.result
            var figures = job.settings.kept == .best ? run.history.bestValidation : nil
            if figures == nil, let validate {
                figures = RunHistory.Validation(
                    epoch: job.settings.epochs, step: run.stepsPerEpoch, figures: try validate(weights))
            }
            let record = job.record(seed: seed, run.history, figures: figures)
            let files = try job.write(weights, record: record, to: folder)
            return SeedResult(seed: seed, figures: figures, files: files, record: record)
        }
    }

    /// Writes the model file and the one with the published names. A network with parts left out gets neither: what serves
    /// models, and the published code, have all parts.
    private func write(_ values: [Float], record: [UInt8], to folder: String) throws -> [String] {
        guard settings.training.without.isEmpty else { return [] }
        let tensors = try layout().tensors.map { tensor in
            TrainedWeights.Tensor(name: tensor.name, shape: tensor.shape, values: Array(values[tensor.range]))
        }
        let trained = TrainedWeights(tensors, clip: clip)
        let text = String(decoding: record, as: UTF8.self)
        let model = Self.model(in: folder)
        var made = TrainedModel(
            weights: trained, configuration: settings.training.model, tower: try tower(), tokens: try tokens(),
            name: name, clipSHA256: digests.clip, vocabulary: keepTextTower ? vocabulary : nil, training: text)
        made.caveat = caveat
        made.imageTower = imageTower
        try made.write(to: model, prepared: prepared)
        guard let published = published(in: folder) else { return [model] }
        try trained.writeCheckpoint(to: published, isTorch: weights == .pth, metadata: ["training": text])
        return [model, published]
    }
}

extension CheckpointSource {
    /// Throws unless a learned prompt leaves room for a label's words among the text tower's positions.
    func check(prefix: Int, postfix: Int) throws(RunError) {
        guard let positions = shape(of: TextTower.Names.positions)?.first else { return }
        let most = max(positions - 3, 0)
        guard (0...most).contains(prefix), (0...most - prefix).contains(postfix) else {
            throw .badSetting(
                "--prefix \(prefix), --postfix \(postfix): expected numbers from 0, together at most \(most), as "
                    + "\(file.path) has \(positions) positions")
        }
    }
}
