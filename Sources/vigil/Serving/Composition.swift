import API
import Engine
import HTTP
import Jobs
import Logging
import Platform
import Scoring

/// A server put together of models, queue, service and HTTP: what `vigil serve` runs, and `vigil bench serve` measures.
struct Composition {
    let models: ModelRegistry
    let scoring: ScoringService
    let server: HTTPServer
    private let metrics: MetricsPage

    init(
        models: ModelRegistry, library: ModelLibrary? = nil, backlog: Backlog, workers: Int,
        scoring limits: ScoringService.Settings = .init(),
        service settings: VigilService.Settings = .init(), server description: ServerDescription = .init(),
        http configuration: ServerConfiguration = .init(), access: AccessControl? = nil,
        keys: APIKeyFile? = nil, telemetry: JobTelemetry = JobTelemetry(),
        observers: [@Sendable (ExchangeRecord) -> Void] = [], logger: Logger
    ) {
        self.models = models
        var limits = limits
        limits.scored = { telemetry.scored(snippets: $0) }
        scoring = ScoringService(
            models: models, library: library, backlog: backlog, workers: workers, settings: limits)
        var description = description
        (description.eventLoops, description.http) = (configuration.loops, configuration.limits)
        let service = VigilService(
            scoring, openAPI: Resources.openAPI, files: Resources.page, settings: settings, server: description,
            keys: keys, sessions: access?.sessions)
        metrics = service.metrics(of: telemetry)
        let router = service.router()
        let watched = access.map(\.gate).map { settings.audit?.watching($0, routes: router) ?? $0 }
        server = HTTPServer(
            configuration: configuration, router: router, problemRenderer: VigilService.render,
            logger: logger, gate: watched, refusalFields: access?.refusalFields,
            observer: Self.observer(
                [metrics.requests.observe] + observers + (settings.tracer.map { [$0.record] } ?? [])),
            tracer: settings.tracer)
        metrics.follow(server)
    }

    /// One that tells all of them.
    private static func observer(
        _ all: [@Sendable (ExchangeRecord) -> Void]
    ) -> @Sendable (ExchangeRecord) -> Void {
        { record in for observe in all { observe(record) } }
    }

    /// Starts the workers, then listens; where that can't be, the workers have ended again.
    ///
    /// - Returns: the first IP address that is listened on
    @discardableResult
    func start() async throws -> SocketAddress {
        try scoring.start()
        do { return try await server.start() } catch {
            _ = await scoring.drain(within: .zero)
            throw Failure(.configuration, error.description)
        }
    }

    /// Ends it. While accepted jobs are finished, the listener goes on answering: not ready, alive, and 503 to further
    /// uploads.
    ///
    /// - Returns: jobs that were not finished in time
    func stop(within grace: Duration) async -> Int {
        let deadline = ContinuousClock.now + grace
        scoring.stopAccepting()
        server.beginShutdown()
        let left = await scoring.drain(within: grace)
        await server.shutdown(grace: max(.seconds(1), deadline - ContinuousClock.now))
        return left
    }

    /// Waits for those who are at files of models, as long as the grace lasts.
    ///
    /// - Returns: whether the process can end in order, and not under them
    func settle() async -> Bool { await scoring.settle() }
}
