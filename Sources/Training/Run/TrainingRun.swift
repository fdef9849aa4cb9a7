import Platform
import VadCLIP

/// What a run asks of the network that learns.
public protocol Learner: AnyObject {
    /// The weights; setting them leaves the optimizer as it is.
    var parameters: Parameters { get set }
    /// AdamW's moments and steps.
    var optimizer: OptimizerState { get set }
    /// One step over a batch.
    func step(_ samples: [Sample], learningRate: Float, norms: Bool) throws(TrainingError) -> StepReport
}

extension Trainer: Learner {}

/// A run of training: epochs of steps, validations, the best weights, a state to go on from.
///
/// Each step's batch is a function of the seed, and the state between two steps is all there is, so that a run that was ended
/// and goes on comes to the same bits as one that was not.
public final class TrainingRun {
    /// How a run ended.
    public enum Outcome: Equatable, Sendable {
        /// All epochs are done.
        case finished
        /// It was asked to stop; its state is saved.
        case stopped
    }

    /// What a run is made of beside its settings.
    public struct Parts {
        /// What learns.
        public var learner: any Learner
        /// Of each row of the training list, whether its video is normal.
        public var isNormal: [Bool]
        /// The sample of a row; called from a thread of the run's own.
        public var load: @Sendable (Int) throws -> Sample
        /// Measures the weights as they are; nil where there is nothing to validate on.
        public var validate: (() throws -> [RunSettings.Metric: Double])?
        /// Where the state is kept; nil for nowhere.
        public var file: RunStateFile?
        /// Steps from one saving to the next.
        public var saveEvery: Int

        /// Takes the parts as they are.
        public init(
            learner: any Learner, isNormal: [Bool], load: @escaping @Sendable (Int) throws -> Sample,
            validate: (() throws -> [RunSettings.Metric: Double])?, file: RunStateFile?, saveEvery: Int
        ) {
            self.learner = learner
            self.isNormal = isNormal
            self.load = load
            self.validate = validate
            self.file = file
            self.saveEvery = saveEvery
        }
    }

    private let settings: RunSettings
    private let parts: Parts
    private let loader: BatchLoader
    private let tell: (RunEvent) -> Void
    private var state: RunState
    private var pace = Pace()
    private var sinceSaved = 0

    /// A run from its beginning, or from where its state file has it.
    ///
    /// - Parameters:
    ///   - settings: what can be chosen
    ///   - parts: the data, the checkpoint and where it writes
    ///   - resuming: whether to go on where the state file has it
    ///   - tell: what is told as it goes on
    public init(
        _ settings: RunSettings, _ parts: Parts, resuming: Bool, tell: @escaping (RunEvent) -> Void
    ) throws(RunError) {
        self.settings = settings
        self.parts = parts
        self.tell = tell
        loader = BatchLoader(load: parts.load)
        if resuming, let file = parts.file, file.exists {
            state = try file.read(parameters: parts.learner.parameters.values.count)
            parts.learner.parameters.values = state.parameters
            parts.learner.optimizer = state.optimizer
        } else {
            state = RunState(parameters: parts.learner.parameters.values, optimizer: parts.learner.optimizer)
        }
        guard stepsPerEpoch > 0 else {
            let normal = parts.isNormal.count { $0 }
            throw .badData(
                "a batch takes \(settings.batch) normal and \(settings.batch) abnormal rows, and the training list has "
                    + "\(normal) and \(parts.isNormal.count - normal): a smaller --batch, or --batching shuffled, makes steps "
                    + "of them")
        }
        guard state.epoch <= settings.epochs, state.step < stepsPerEpoch,
            state.history.epochs.count == state.epoch + (state.step > 0 ? 1 : 0), state.optimizer.steps == done,
            zip(state.history.epochs.indices, state.history.epochs).allSatisfy({
                $1.steps == ($0 < state.epoch ? stepsPerEpoch : state.step)
            })
        else {
            throw .badState(
                "the state is in step \(state.step) of epoch \(state.epoch), after \(state.optimizer.steps) steps in all, which "
                    + "this training does not have")
        }
    }

    /// Steps of an epoch.
    public lazy private(set) var stepsPerEpoch = order(of: 0).steps.count
    /// Samples of an epoch.
    public var samplesPerEpoch: Int { order(of: 0).samples }
    /// Steps that are done.
    public var done: Int { state.epoch * stepsPerEpoch + state.step }
    /// What was gone through so far.
    public var history: RunHistory { state.history }

    /// The weights that the run ends with: the best, where they are to be kept and there are some, else the last.
    public var result: [Float] {
        (settings.kept == .best ? state.best : nil) ?? parts.learner.parameters.values
    }

    private func order(of epoch: Int) -> EpochOrder {
        EpochOrder(
            isNormal: parts.isNormal, batching: settings.batching, batch: settings.batch, seed: settings.seed,
            epoch: epoch)
    }

    /// Goes on to the end, or until `isStopped` says so between two steps. Throws `TrainingError`, or what reading features,
    /// validating or saving throws.
    public func run(isStopped: () -> Bool) throws -> Outcome {
        while state.epoch < settings.epochs {
            let steps = order(of: state.epoch).steps
            while state.step < steps.count {
                if isStopped() {
                    try save()
                    return .stopped
                }
                try step(steps)
            }
            endEpoch()
            if sinceSaved >= parts.saveEvery, state.epoch < settings.epochs { try save() }
        }
        try save()
        return .finished
    }

    private func step(_ steps: [[Int]]) throws {
        let index = state.step
        let following = index + 1 < steps.count ? steps[index + 1] : nil
        let samples = try loader.take(steps[index], following: following)
        let rate = settings.rate(inEpoch: state.epoch)
        let began = MonotonicTime.now
        let report = try parts.learner.step(samples, learningRate: Float(rate), norms: false)
        if let seconds = pace.add((MonotonicTime.now - began).inSeconds) { tell(.pace(secondsPerStep: seconds)) }
        if state.history.epochs.count <= state.epoch { state.history.epochs.append(RunHistory.Epoch()) }
        state.history.epochs[state.epoch].add(report)
        state.step += 1
        let all = settings.epochs * steps.count
        tell(
            .step(
                RunEvent.Step(
                    epoch: state.epoch + 1, step: state.step, steps: steps.count, done: done, all: all,
                    samples: samples.count, rate: rate, report: report,
                    secondsLeft: pace.seconds.map { $0 * Double(all - done) })))
        try validateIfDue(index, of: steps)
        sinceSaved += 1
        if sinceSaved >= parts.saveEvery, state.step < steps.count { try save() }
    }

    /// The published code validates where the samples before a step, counted from the epoch's first, are a multiple of a
    /// number and not 0; an epoch that was never validated so is at its end.
    private func validateIfDue(_ index: Int, of steps: [[Int]]) throws {
        guard let validate = parts.validate else { return }
        let before = index * (steps.first?.count ?? 0)
        let isDue = settings.validateEvery > 0 && before > 0 && before % settings.validateEvery == 0
        let isLast = index + 1 == steps.count
        let wasDone = state.history.validations.last?.epoch == state.epoch + 1
        guard isDue || (isLast && !wasDone) else { return }
        let began = MonotonicTime.now
        let figures = try validate()
        let validation = RunHistory.Validation(epoch: state.epoch + 1, step: state.step, figures: figures)
        // A figure that can't be had makes no weights the best.
        let isBest =
            figures[settings.metric].map { found in
                state.history.bestValidation?.figures[settings.metric].map { found > $0 } ?? true
            } ?? false
        state.history.validations.append(validation)
        if isBest {
            state.history.best = state.history.validations.count - 1
            state.best = parts.learner.parameters.values
        }
        tell(.validation(validation, isBest: isBest, seconds: (MonotonicTime.now - began).inSeconds))
    }

    private func endEpoch() {
        let number = state.epoch + 1
        let ended = state.history.epochs.last ?? RunHistory.Epoch()
        state.epoch = number
        state.step = 0
        var returnsTo: Int?
        if settings.returnsToBest, number < settings.epochs, let best = state.best {
            parts.learner.parameters.values = best
            returnsTo = state.history.bestValidation?.epoch
        }
        tell(.epoch(number: number, ended, returnsTo: returnsTo))
    }

    private func save() throws {
        guard let file = parts.file else { return }
        state.parameters = parts.learner.parameters.values
        state.optimizer = parts.learner.optimizer
        try file.write(state)
        sinceSaved = 0
        // Between two epochs it is the one that was done, with all its steps.
        let isBetween = state.step == 0 && state.epoch > 0
        tell(.saved(epoch: state.epoch + (isBetween ? 0 : 1), step: isBetween ? stepsPerEpoch : state.step))
    }
}

/// How long a step takes: the mean without the first, which makes what later ones find.
private struct Pace {
    private var count = 0
    private var total = 0.0

    /// Seconds a step; nil in the first two.
    var seconds: Double? { count > 1 ? total / Double(count - 1) : nil }

    /// Counts a step; what one takes, the first time that it is known.
    mutating func add(_ step: Double) -> Double? {
        count += 1
        if count > 1 { total += step }
        return count == 2 ? seconds : nil
    }
}
