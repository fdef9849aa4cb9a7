import HTTP
import HTTPTypes
import Jobs
import Platform
import Scoring
import Synchronization
public import Tracing

/// Vigil's own endpoints over the use cases of `ScoringService`.
public final class VigilService: Sendable {
    /// What an operator can set.
    public struct Settings: Sendable {
        /// The longest that an answer is held back for a client that waits.
        public var maxWait = Duration.seconds(300)
        /// How long a worker may be at one chunk before the process counts as stuck.
        public var stuckAfter = Duration.seconds(60)
        /// How long a stream of events is silent before a line is sent that keeps it open.
        public var keepAliveInterval = Duration.seconds(15)
        /// Records the steps of requests; nil where nothing is recorded.
        public var tracer: Tracer?
        /// Where it is written down who did what; nil for nowhere.
        public var audit: AuditTrail?
        /// Whether there is `/metrics`.
        public var showsMetrics = true

        /// The defaults.
        public init() {}
    }

    let settings: Settings
    let scoring: ScoringService
    let openAPI: [UInt8]
    /// The web page.
    let files: PageFiles
    /// Whose jobs are whose; without keys everybody sees all.
    let keys: APIKeyFile?
    /// Who has signed in with one.
    let sessions: Sessions?
    let server: ServerDescription
    /// When it was made, by both clocks of the backlog.
    let started: (wall: WallTime, time: MonotonicTime)
    /// Answers with results that several clients want at a time.
    let results = SharedResults()
    /// The answer to `/livez` that was given last, and what it says.
    let lastLive = Mutex<(state: LiveState, answer: Response)?>(nil)
    /// What was found when the store was looked at last.
    let lastStore = StoreLooks()
    /// What `/metrics` shows, once that is known.
    let page = Mutex<MetricsPage?>(nil)

    /// Endpoints of a service, which describe themselves by `openAPI`.
    ///
    /// - Parameters:
    ///   - scoring: the use cases
    ///   - openAPI: openapi.yaml
    ///   - files: the web page; without any, `/` is 404
    ///   - settings: what can be chosen
    ///   - server: what `/v1/server` says
    ///   - keys: those that stand before them too
    ///   - sessions: those that the gate knows
    public init(
        _ scoring: ScoringService, openAPI: [UInt8], files: PageFiles = PageFiles([]), settings: Settings = Settings(),
        server: ServerDescription = ServerDescription(), keys: APIKeyFile? = nil, sessions: Sessions? = nil
    ) {
        self.files = files
        self.keys = keys
        self.sessions = sessions
        self.scoring = scoring
        self.settings = settings
        self.openAPI = openAPI
        self.server = server
        started = (scoring.backlog.wall, scoring.backlog.now)
    }

    /// Who answers what.
    public func router() -> Router {
        let bounds = UploadBounds(scoring)
        var router = Router(through: [
            AnswerCompression(), TaglessPreconditions(), RequestInflation(), ScoringProblems(bounds: bounds),
        ])
        router.hint =
            "POST /score takes features, GET /readyz tells whether the service is ready, and GET /openapi.yaml describes "
            + "all paths."
        router.post(
            "/score", bodyLimit: bounds.largestBody, bodyHint: bounds.ofLargest,
            bodyShortage: bounds.shortage, audited(.submit) { try await self.score($0, $1) })
        router.get("/jobs", .deferred { try await self.listJobs($0) })
        router.get("/jobs/{id}", audited(.read) { try await self.showJob($0, $1) })
        router.delete("/jobs/{id}", judgesPreconditions: true, audited(.delete) { try await self.deleteJob($0, $1) })
        router.on(.post, "/jobs/{id}/again", audited(.submit) { try await self.scoreAgain($0, $1) })
        router.get("/jobs/{id}/features", audited(.read) { try await self.showFeatures($0, $1) })
        router.get("/jobs/{id}/thumbnails/{file}", audited(.read) { try await self.showThumbnail($0, $1) })
        // A look at a batch gives no scores, and is written down where it is refused alone.
        router.get("/batches/{id}", audited(.read) { request, _ in try await self.showBatch(request) })
        router.get("/batches/{id}/comparison", audited(.read) { try await self.showComparison($0, $1) })
        router.delete(
            "/batches/{id}", judgesPreconditions: true, audited(.delete) { try await self.deleteBatch($0, $1) })
        router.get("/jobs/{id}/events", audited(.read) { try await self.showEvents($0, $1) })
        router.get("/jobs/{id}/verdicts", audited(.read) { request, _ in try await self.showVerdicts(request) })
        router.on(
            .put, "/jobs/{id}/verdicts", bodyLimit: Verdicts.mostBytes, judgesPreconditions: true,
            audited(.review) { try await self.keepVerdicts($0, $1) })
        router.get("/livez", .immediate { self.live(detailed: $0.seesDetails) })
        router.get("/readyz", .deferred { await self.ready(detailed: $0.seesDetails) })
        router.get("/healthz", .deferred { await self.healthy(detailed: $0.seesDetails) })
        router.get("/v1/models", .deferred { try await self.showModels($0) })
        let most = ModelWish.mostBytes
        router.post("/v1/models/{name}/load", bodyLimit: most, audited(.change) { try await self.loadModel($0, $1) })
        router.post(
            "/v1/models/{name}/unload", bodyLimit: most, audited(.change) { try await self.unloadModel($0, $1) })
        router.post(
            "/v1/models/{name}/rollback", bodyLimit: most, audited(.change) { try await self.rollBackModel($0, $1) })
        if settings.showsMetrics { router.get("/metrics", .deferred { await self.showMetrics($0) }) }
        router.get("/v1/server", .deferred { try await self.showServer($0) })
        router.get("/session", .deferred { self.showSession($0) })
        router.on(.post, "/session", .deferred { try self.beginSession($0) })
        router.delete("/session", .deferred { self.endSession($0) })
        router.get("/openapi.yaml", .deferred { _ in self.description() })
        router.get("/", .deferred { try self.showPage("index.html", to: $0) })
        router.get("/docs", .deferred { try self.showPage("docs.html", to: $0) })
        router.get("/page/{file}", .deferred { try self.showPage($0.pathParameters["file"] ?? "", to: $0) })
        router.get("/problems", .deferred { self.showProblems($0) })
        router.get("/problems/{name}", .deferred { try self.showProblem($0) })
        addInference(to: &router, bounds)
        return router
    }

    /// The Open Inference Protocol.
    private func addInference(to router: inout Router, _ bounds: UploadBounds) {
        router.get("/v2", .deferred { _ in self.describeProtocol() })
        router.get("/v2/health/live", .immediate { _ in self.liveForInference() })
        router.get("/v2/health/ready", .deferred { _ in await self.readyForInference() })
        let most = ModelWish.mostBytes
        router.post("/v2/repository/index", bodyLimit: most, .deferred { try await self.listRepository($0) })
        let repository = "/v2/repository/models/{name}"
        router.post(repository + "/load", bodyLimit: most, audited(.change) { try await self.loadInRepository($0, $1) })
        router.post(
            repository + "/unload", bodyLimit: most, audited(.change) { try await self.unloadInRepository($0, $1) })
        for model in ["/v2/models/{name}", "/v2/models/{name}/versions/{version}"] {
            router.get(model, .deferred { try await self.describeModelForInference($0) })
            router.get(model + "/ready", .deferred { try await self.modelReadyForInference($0) })
            router.post(
                model + "/infer", bodyLimit: bounds.maxBodyBytes, bodyHint: bounds.ofBody,
                bodyShortage: bounds.shortage, endsWithInput: true,
                audited(.submit) { try await self.infer($0, $1) })
        }
    }

    /// Who asks. A key that the gate has let in may have been taken back since.
    func caller(of request: Request) throws(HTTPProblem) -> Caller {
        guard let keys else { return Caller(client: request.client.description) }
        guard case .key(let name) = request.client, let key = keys.current[name] else { throw Problem.unknownKey }
        return key.caller
    }

    /// Renders what the HTTP layer refuses.
    ///
    /// - Parameters:
    ///   - problem: what was refused
    ///   - requestID: the request's id, as `instance`
    ///   - path: what was asked for, where that is known
    public static func render(_ problem: HTTPProblem, requestID: String, path: String? = nil) -> Response {
        Problem.render(problem, requestID: requestID, path: path)
    }
}
