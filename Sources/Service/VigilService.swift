public import Engine
public import HTTP
import HTTPTypes
public import Jobs
import Synchronization

/// The service: endpoints over models, a backlog and its workers.
public final class VigilService: Sendable {
    /// What an operator can set.
    public struct Settings: Sendable {
        /// Bytes of an upload.
        public var maxBodyBytes = 128 << 20
        /// The longest that an answer is held back for a client that waits.
        public var maxWait = Duration.seconds(300)
        /// How long a worker may be at one chunk before the process counts as stuck.
        public var stuckAfter = Duration.seconds(60)
        /// How long a stream of events is silent before a line is sent that keeps it open.
        public var keepAliveInterval = Duration.seconds(15)

        /// Whether a job that was scored before is answered by its result.
        public var reusesResults = false
        /// What becomes of queued jobs that were accepted for a model that is not served.
        public var missingModel = MissingModel.wait
        /// What tells clients that their jobs have ended; nil where callbacks are off.
        public var callbacks: CallbackDelivery?

        /// The defaults.
        public init() {}
    }

    let settings: Settings
    let models: ModelRegistry
    let backlog: Backlog
    let pool: WorkerPool<ModelEngine<ScoringWork>>
    let openAPI: [UInt8]
    /// Room for large answers.
    let answers: AnswerBudget
    /// What is read and made of results for many at a time.
    let results = SharedResults()
    /// Whether the workers have ended because the service is leaving.
    let hasDrained = Atomic(false)
    /// The answer to `/livez` that was given last, and what it says.
    let lastLive = Mutex<(state: LiveState, answer: Response)?>(nil)

    /// A service that scores with `models` on `workers` threads, and describes itself by `openAPI`.
    public init(
        models: ModelRegistry, backlog: Backlog, workers: Int, openAPI: [UInt8], settings: Settings = Settings()
    ) {
        self.models = models
        self.backlog = backlog
        answers = AnswerBudget(limit: 256 << 20, clock: backlog.clock)
        self.settings = settings
        self.openAPI = openAPI
        pool = WorkerPool(backlog: backlog, processor: ModelEngine(models, for: ScoringWork()), workers: workers)
    }

    /// Starts the workers, which begin with jobs once the models' digests are known.
    public func start() throws {
        try pool.start(serving: { [models] in await models.served }, missing: settings.missingModel)
    }

    /// Removes results whose time is over, until the task is cancelled.
    public func expireResults() async { await Expiry(of: backlog).run() }

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
        while ContinuousClock.now < deadline {
            guard backlog.isLasting ? backlog.metrics.uploads > 0 : !isIdle else { break }
            try? await Task.sleep(for: .milliseconds(20))
        }
        hasDrained.store(true, ordering: .relaxed)
        // What the workers were at is in the queue again by then.
        _ = await pool.drain(within: max(.zero, deadline - ContinuousClock.now))
        backlog.stopWatching()
        let left = backlog.metrics
        return left.queuedJobs + left.waitingJobs
    }

    /// Whether jobs outlast the process.
    public var isLasting: Bool { backlog.isLasting }

    /// Whether no job waits for a worker, runs or comes in. Those that wait for another model may do so for ever.
    public var isIdle: Bool {
        let metrics = backlog.metrics
        return metrics.queuedJobs + max(metrics.uploads, metrics.reservedJobs) + pool.health.runningJobs == 0
    }

    /// Who answers what.
    public func router() -> Router {
        var router = Router(through: [AnswerCompression(), TaglessPreconditions(), RequestInflation()])
        router.hint =
            "POST /score takes features, GET /readyz tells whether the service is ready, and GET /openapi.yaml describes "
            + "all paths."
        router.post("/score", bodyLimit: settings.maxBodyBytes, .deferred { try await self.score($0) })
        router.get("/jobs", .deferred { try await self.listJobs($0) })
        router.get("/jobs/{id}", .deferred { try await self.showJob($0) })
        router.delete("/jobs/{id}", .deferred { try await self.deleteJob($0) })
        router.get("/batches/{id}", .deferred { try await self.showBatch($0) })
        router.delete("/batches/{id}", .deferred { try await self.deleteBatch($0) })
        router.get("/jobs/{id}/events", .deferred { try await self.showEvents($0) })
        router.get("/livez", .immediate { self.live(detailed: $0.seesDetails) })
        router.get("/readyz", .deferred { await self.ready(detailed: $0.seesDetails) })
        router.get("/healthz", .deferred { await self.healthy(detailed: $0.seesDetails) })
        router.get("/v1/models", .deferred { _ in await self.listModels() })
        router.get("/openapi.yaml", .deferred { _ in self.description() })
        router.get("/problems", .deferred { self.showProblems($0) })
        router.get("/problems/{name}", .deferred { try self.showProblem($0) })
        return router
    }

    /// Renders what the HTTP layer refuses.
    public static func render(_ problem: HTTPProblem, requestID: String) -> Response {
        Problem.render(problem, requestID: requestID)
    }
}
