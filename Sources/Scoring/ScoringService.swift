import Engine
import Formats
import Jobs
import Platform
import Synchronization
import VadCLIP

/// Features in, scores out: takes uploads, queues jobs, has them scored, and finds what became of them. It knows no
/// protocol: whoever speaks one asks here, and gets values or a `ScoringError`.
public final class ScoringService: Sendable {
    /// What an operator can set.
    public struct Settings: Sendable {
        /// Bytes of an upload.
        public var maxBodyBytes = 128 << 20
        /// Bytes of memory that the process may use, where it is they that bound uploads, and not a setting.
        public var boundingMemoryBytes: Int?
        /// Bytes of results and large answers that are on their way to clients.
        public var answerBytes = 256 << 20
        /// Whether a job that was scored before is answered by its result.
        public var reusesResults = false
        /// What becomes of queued jobs that were accepted for a model that is not served.
        public var missingModel = MissingModel.wait
        /// The places that are told what is found in jobs that name a camera.
        public var alerts: [String] = []
        /// Told on a worker's thread that a chunk of such a job, which has more of them, is about to be there.
        public var chunkScored: (@Sendable (JobID) -> Void)?
        /// The one form that a client's address for callbacks is kept in; throws where it can't be called. Nil where
        /// callbacks are off.
        public var callbackAddress: (@Sendable (String) throws(OptionError) -> String)?

        /// Told how many snippets a chunk had that was scored, on the worker's thread.
        public var scored: (@Sendable (_ snippets: Int) -> Void)?

        /// Scores a part of the jobs by another model too.
        public var canary: Canary?
        /// Takes videos, or says why not; nil where nobody has said anything of them.
        public var videos: VideoIntake?

        /// The defaults.
        public init() {}
    }

    /// What an operator has set.
    package let settings: Settings
    /// The models that are served.
    package let models: ModelRegistry
    /// Where the models come from; nil where they stay as they are.
    package let library: ModelLibrary?
    /// The jobs.
    package let backlog: Backlog
    let pool: WorkerPool<ModelEngine<ScoringWork>>
    /// Room for results and large answers.
    package let answers: AnswerBudget
    /// Stored results, read once for all who follow their jobs at the time.
    let stored = SharedMaking<JobID, StoredResult>()
    /// The digests of the models whose files are kept beside their jobs.
    let kept = Mutex<Set<ByteText>>([])
    /// Why models that jobs wait for could not be brought back, by their digests.
    let missed = Mutex<[ByteText: String]>([:])
    /// Whether what is read from now on is independent of its file, where that can be.
    let areIsolated = Atomic(false)
    /// Whoever changes what is served goes through here.
    let changes = Turnstile()
    /// Whether the workers have ended because the service is leaving.
    private let hasEnded = Atomic(false)
    /// When what ends has to have ended; nil before that.
    private let end = Mutex<ContinuousClock.Instant?>(nil)

    /// A service that scores with `models` on `workers` threads.
    ///
    /// - Parameters:
    ///   - models: the versions that are served
    ///   - library: where those models come from
    ///   - backlog: where jobs wait
    ///   - workers: how many there are, for estimates
    ///   - settings: what can be chosen
    public init(
        models: ModelRegistry, library: ModelLibrary? = nil, backlog: Backlog, workers: Int,
        settings: Settings = Settings()
    ) {
        self.models = models
        self.library = library
        self.backlog = backlog
        answers = AnswerBudget(limit: settings.answerBytes, clock: backlog.clock)
        self.settings = settings
        pool = WorkerPool(
            backlog: backlog,
            processor: ModelEngine(
                models,
                for: ScoringWork(
                    scored: settings.scored, chunkScored: settings.chunkScored, canary: settings.canary,
                    videos: settings.videos, mostNumbers: settings.maxBodyBytes / 4,
                    settle: { [backlog] bill, rows in await bill.settle(rows, with: backlog) }),
                rescores: settings.missingModel == .rescore,
                areSeveral: min(workers, ProcessLimits.atStart.threads) > 1),
            workers: workers)
    }

    /// Starts the workers, which begin with jobs once the models' digests are known.
    public func start() throws {
        // Until the store knows them nothing else may tell it of others.
        try pool.start(
            serving: { [self] in
                await changes.enter()
                await bringBack()
                return await claimable
            }, missing: missing,
            told: { [self] in
                changes.leave()
                Task { await settleVideos() }
            })
    }

    /// Removes results whose time is over, until the task is cancelled.
    public func expireResults() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [backlog] in await Expiry(of: backlog).run() }
            group.addTask { [backlog, settings] in
                guard let archive = settings.videos?.archive else { return }
                await backlog.clock.every(.seconds(5)) { await archive.sweep(backlog) }
            }
        }
    }

    /// Looks after followed jobs that other processes work on, until the task is cancelled.
    public func followOtherProcesses() async { await ChangePoll(of: backlog).run() }

    /// From now on nothing is accepted and the service is not ready.
    public func stopAccepting() { backlog.stopAccepting() }

    /// Finishes what was accepted as far as the time allows; then nobody is kept waiting for the rest. Where jobs outlast
    /// the process, those that nobody has begun are left to the next one.
    ///
    /// - Returns: jobs that were not finished
    public func drain(within grace: Duration) async -> Int {
        let deadline = ContinuousClock.now + grace
        end.withLock { $0 = deadline }
        while ContinuousClock.now < deadline {
            guard backlog.isLasting ? backlog.metrics.uploads > 0 : !isIdle else { break }
            try? await Task.sleep(for: .milliseconds(20))
        }
        hasEnded.store(true, ordering: .relaxed)
        // What the workers were at is in the queue again by then.
        _ = await pool.drain(within: max(.zero, deadline - ContinuousClock.now))
        await settings.canary?.end()
        backlog.stopWatching()
        await forgetModels()
        let left = backlog.metrics
        return left.queuedJobs + left.waitingJobs
    }

    /// Waits for whoever changes what is served, and for those who read and hash files of models: ending the process under them
    /// would pull OpenSSL from under them. Waits no longer than what ``drain(within:)`` has left of its time, and a second at
    /// least.
    ///
    /// - Returns: whether nobody is at it any more
    public func settle() async -> Bool {
        let least = ContinuousClock.now + .seconds(1)
        let deadline = end.withLock(\.self).map { max($0, least) } ?? least
        let (ends, found) = AsyncStream.makeStream(of: Bool.self)
        let timer = Task {
            try? await Task.sleep(until: deadline, clock: .continuous)
            found.yield(false)
        }
        Task {
            await settings.canary?.reading.enter()
            await changes.enter()
            for version in models.all { _ = await version.sha256 }
            changes.leave()
            settings.canary?.reading.leave()
            found.yield(true)
        }
        defer { timer.cancel() }
        return await ends.first { _ in true } ?? false
    }

    /// Whether jobs outlast the process.
    public var isLasting: Bool { backlog.isLasting }

    /// Whether no job waits for a worker, runs or comes in. Those that wait for another model may do so for ever.
    public var isIdle: Bool {
        let metrics = backlog.metrics
        return metrics.queuedJobs + max(metrics.uploads, metrics.reservedJobs) + pool.health.runningJobs == 0
    }

    /// Whether the workers have ended because the service is leaving.
    package var hasDrained: Bool { hasEnded.load(ordering: .relaxed) }

    /// The workers, and what they are at.
    package var health: PoolHealth { pool.health }

    /// Whether the workers do their work, or have ended in order; not if one is at the same part for so long.
    package func canWork(stuckAfter limit: Duration) -> Bool {
        if hasDrained { return true }
        let health = health
        return health.alive == health.workers && health.stuck(longerThan: limit).isEmpty
    }
}

/// Why something that was asked for can't be had: what kind of reason it is, with what says more.
package enum ScoringError: Error, CustomStringConvertible {
    /// A parameter can't be taken.
    case parameter(OptionError)
    /// There is no such model.
    case model(ModelLookupError)
    /// What is served stays as it is.
    case change(ModelChangeError)
    /// The labels can't be scored against.
    case labels(ModelError)
    /// A matrix can't be scored; `file` is what messages call it, nil where it is the only thing that came. `models` are those
    /// that take rows of its width.
    case features(FeatureError, file: String?, models: [String])
    /// What came is no features, or more than is taken.
    case content(ArrayDecodingError)
    /// The video is not taken.
    case video(VideoRefusal)
    /// The form that came is none that holds features, told in a sentence.
    case form(String)
    /// The body ended with an error of whoever brought it.
    case source(any Error)
    /// The queue does not take the job.
    case refused(SubmitError)
    /// The store can't do it.
    case store(JobStoreError)
    /// There is no such job, or no longer.
    case unknownJob(String)
    /// The job's features can't be had: not yet, or not any more, told in a sentence.
    case noFeatures(String, isYetToCome: Bool)
    /// The job has no picture of a segment that begins so.
    case noThumbnail(String)
    /// There is no such batch, or no longer.
    case unknownBatch(String)
    /// Others hold too many large answers.
    case answersBusy

    /// One sentence for whoever asked.
    package var description: String {
        switch self {
        case .parameter(let error): error.description
        case .model(let error): error.description
        case .change(let error): error.description
        case .labels(let error): error.description
        case .features: description(choosingBy: Self.byParameter)
        case .content(let error): error.description
        case .video(let refusal): refusal.description
        case .form(let sentence): sentence
        case .source(let error): "The body can't be read: \(error)"
        case .refused(let error): error.description
        case .store(let error): error.told
        case .unknownJob(let id): "Job \(id.prefix(64)) is unknown here, or its result has expired."
        case .noFeatures(let sentence, _), .noThumbnail(let sentence): sentence
        case .unknownBatch(let id): "Batch \(id.prefix(64)) is unknown here, or its results have expired."
        case .answersBusy: "Clients are still reading results of many megabytes: ask again shortly."
        }
    }

    /// How `POST /score` chooses another model.
    package static let byParameter = "model="

    /// The same where another model is chosen otherwise than by the parameter `model`.
    ///
    /// - Parameter way: what stands before the model's name then
    package func description(choosingBy way: String) -> String {
        guard case .features(let error, let file, let models) = self else { return description }
        let text = (file.map { "\(quoted($0)): " } ?? "") + error.description(of: models, chosenBy: way)
        guard case .severalMatrices = error, way.hasBytes(of: Self.byParameter) else { return text }
        return text + "; crop=0 takes the first, crop=mean their mean"
    }
}
