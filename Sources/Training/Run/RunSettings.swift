import JSON
import Platform
import VadCLIP

/// All that decides what a run of training comes to, but for the data and CLIP: with the same settings, data and kernels the
/// same bits come out.
public struct RunSettings: Sendable, Equatable {
    /// How an epoch's rows are cut into batches.
    public enum Batching: String, Sendable, CaseIterable {
        /// Normal and abnormal rows shuffled apart; a step takes one whole batch of either, normal first.
        case paired
        /// All rows shuffled; the last batch is short.
        case shuffled
    }

    /// The figure by which the best weights are known.
    public enum Metric: String, Sendable, CaseIterable {
        case aucCoarse = "auc_coarse"
        case apCoarse = "ap_coarse"
        case aucFine = "auc_fine"
        case apFine = "ap_fine"
        case mapAverage = "map_average"
        /// AUC of whole videos, abnormal or not, by the mean of their highest coarse scores: needs no annotated frames.
        case aucVideo = "auc_video"

        /// Whether it is made of the A-Branch's scores.
        public var isFine: Bool { [.aucFine, .apFine, .mapAverage].contains(self) }
    }

    /// Which weights a run ends with.
    public enum Kept: String, Sendable, CaseIterable {
        case best
        case last
    }

    /// The recipe's name: a preset's, or `own`.
    public var recipe: String
    /// The network, the losses and AdamW.
    public var training: TrainingSettings
    /// AdamW's rate at the start.
    public var learningRate: Double
    /// The rate is multiplied by `gamma` after so many epochs, at each of these.
    public var milestones: [Int]
    /// What the rate is multiplied by.
    public var gamma: Double
    /// Times that the rows are gone through.
    public var epochs: Int
    /// Rows of a batch; of either kind where they are paired.
    public var batch: Int
    /// How batches are made.
    public var batching: Batching
    /// Of the weights at the start and of the shuffling.
    public var seed: UInt64
    /// Samples of an epoch after which it is validated, each time as many; 0 for the end of each epoch alone.
    public var validateEvery: Int
    /// Whether each epoch begins with the best weights so far.
    public var returnsToBest: Bool
    /// What makes weights the best.
    public var metric: Metric
    /// Which weights are written at the end.
    public var kept: Kept

    /// The published recipe for UCF-Crime, as its code has it: the paper gives the other dataset's rate.
    public static let ucfCrime = RunSettings(
        of: .ucfCrime, contrastWeight: 0.1, learningRate: 2e-5, milestones: [4, 8], batch: 64, batching: .paired,
        validateEvery: 1_280, metric: .aucCoarse)

    /// The published recipe for XD-Violence, as its code has it.
    public static let xdViolence = RunSettings(
        of: .xdViolence, contrastWeight: 1e-4, learningRate: 1e-5, milestones: [3, 6, 10], batch: 96,
        batching: .shuffled, validateEvery: 0, metric: .apFine)

    /// Where to begin with classes of one's own: a small set, learned from the start, so a higher rate and more epochs.
    public static func own(labels: [String]) -> RunSettings {
        var settings = RunSettings(
            of: .ucfCrime, contrastWeight: 0.1, learningRate: 1e-4, milestones: [20, 26], batch: 16,
            batching: .shuffled, validateEvery: 0, metric: .aucCoarse)
        settings.recipe = "own"
        settings.epochs = 30
        settings.returnsToBest = false
        settings.training.model.labels = labels
        return settings
    }

    private init(
        of preset: Preset, contrastWeight: Float, learningRate: Double, milestones: [Int], batch: Int,
        batching: Batching, validateEvery: Int, metric: Metric
    ) {
        recipe = preset.name
        training = TrainingSettings(
            model: ModelConfiguration(
                width: 512, length: 256, layers: preset.layers, window: preset.window, labels: preset.labels))
        training.contrastWeight = contrastWeight
        self.learningRate = learningRate
        self.milestones = milestones
        gamma = 0.1
        epochs = 10
        self.batch = batch
        self.batching = batching
        seed = 234
        self.validateEvery = validateEvery
        returnsToBest = true
        self.metric = metric
        kept = .best
    }

    /// The rate of an epoch, counted from 0.
    public func rate(inEpoch epoch: Int) -> Double {
        milestones.reduce(learningRate) { $1 <= epoch ? $0 * gamma : $0 }
    }

    /// All of it as a JSON object, in a fixed order.
    public var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                write(model: &json)
                write(recipe: &json)
            }
        }
    }

    private func write(model json: inout JSONWriter) {
        json.member("recipe", recipe)
        json.member("labels", training.model.labels)
        json.member("width", training.model.width)
        json.member("length", training.model.length)
        json.member("layers", training.model.layers)
        json.member("window", training.model.window)
        json.member("prompt_prefix", training.prefix)
        json.member("prompt_postfix", training.postfix)
        json.member("without", training.without.map(\.rawValue).sorted())
    }

    private func write(recipe json: inout JSONWriter) {
        json.member("learning_rate", learningRate)
        json.key("milestones")
        json.array(milestones) { $0.number($1) }
        json.member("gamma", gamma)
        json.member("epochs", epochs)
        json.member("batch", batch)
        json.member("batching", batching.rawValue)
        json.member("contrast_weight", training.contrastWeight)
        json.member("weight_decay", training.optimizer.weightDecay)
        json.member("first_decay", training.optimizer.firstDecay)
        json.member("second_decay", training.optimizer.secondDecay)
        json.member("epsilon", training.optimizer.epsilon)
        json.member("seed", String(seed))
        json.member("validate_every", validateEvery)
        json.member("return_to_best", returnsToBest)
        json.member("metric", metric.rawValue)
        json.member("keep", kept.rawValue)
    }
}

extension RunSettings {
    /// Throws where a value is out of its range, naming its option.
    public func validate() throws(RunError) {
        do throws(ModelError) { try training.model.validate() } catch { throw .badSetting(error.description) }
        try training.checkParts()
        func check(_ option: String, _ value: Double, _ range: ClosedRange<Double>) throws(RunError) {
            guard range.contains(value) else {
                throw .badSetting("\(option) \(value): expected \(range.lowerBound) to \(range.upperBound)")
            }
        }
        func check(_ option: String, _ value: Int, _ range: ClosedRange<Int>) throws(RunError) {
            guard range.contains(value) else {
                throw .badSetting("\(option) \(value): expected \(range.lowerBound) to \(range.upperBound)")
            }
        }
        try check("--rate", learningRate, 1e-12...10)
        try check("--gamma", gamma, 1e-6...1)
        try check("--epochs", epochs, 1...10_000)
        try check("--batch", batch, 1...4_096)
        try check("--validate-every", validateEvery, 0...1_000_000_000)
        // CLIP's text tower sets the bound: see TrainingJob.check.
        try check("--prefix", training.prefix, 0...1_000)
        try check("--postfix", training.postfix, 0...1_000)
        try check("--contrast-weight", Double(training.contrastWeight), 0...1_000)
        try check("--weight-decay", Double(training.optimizer.weightDecay), 0...10)
        try check("--beta1", Double(training.optimizer.firstDecay), 0...0.999_999)
        try check("--beta2", Double(training.optimizer.secondDecay), 0...0.999_999_9)
        try check("--epsilon", Double(training.optimizer.epsilon), 1e-20...1)
        guard milestones.allSatisfy({ $0 > 0 }), zip(milestones, milestones.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw .badSetting("--milestones: expected rising numbers of epochs, as 4,8")
        }
    }
}

/// Why a run can't begin or go on.
public enum RunError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A setting out of range, or settings that don't fit together.
    case badSetting(String)
    /// What the lists hold can't be trained on.
    case badData(String)
    /// A state file that is damaged, or another run's.
    case badState(String)

    /// Whether it is about what was asked, and not about what was found.
    public var isSetting: Bool { if case .badSetting = self { true } else { false } }

    /// One sentence.
    public var description: String {
        switch self {
        case .badSetting(let text), .badData(let text), .badState(let text): text
        }
    }
}
