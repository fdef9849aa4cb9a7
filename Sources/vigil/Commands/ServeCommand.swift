import API
import ArgumentParser
import Engine
import HTTP
import Jobs
import Logging
import Platform
import Scoring
import ServiceLifecycle

/// `vigil serve`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the scoring service.",
        discussion:
            "Ends on SIGTERM and SIGINT: it stops accepting, finishes what runs, leaves what waits to the next process (with "
            + "--state memory finishes that too), and exits 0; with 70 where its state folder was taken from it or damaged."
    )

    @OptionGroup var general: SettingGroup<ServeSettings.General>
    @OptionGroup(title: "Server") var server: SettingGroup<ServeSettings.Server>
    @OptionGroup(title: "Jobs") var jobs: SettingGroup<ServeSettings.Jobs>
    @OptionGroup(title: "Callbacks") var callbacks: SettingGroup<ServeSettings.Callbacks>
    @OptionGroup(title: "Alerts") var alerts: SettingGroup<ServeSettings.Alerts>
    @OptionGroup(title: "Access") var access: SettingGroup<ServeSettings.Access>
    @OptionGroup(title: "Listening") var listening: SettingGroup<ServeSettings.Listening>
    @OptionGroup(title: "Clients") var clients: SettingGroup<ServeSettings.Clients>
    @OptionGroup(title: "TLS") var tls: SettingGroup<ServeSettings.TLS>

    @Flag(help: "Write every setting with where its value comes from, as a config file, and end.")
    var printConfig = false

    func run() async throws {
        Memory.keepSmallBlocks()
        Descriptors.raiseLimit()
        let settings = try settings()
        if printConfig {
            try Terminal.print(Array(try SettingReport(settings: settings, command: .serve).text().utf8.dropLast()))
            return
        }
        let logger = try logger(settings)
        for note in settings.notes { logger.notice("\(note)") }
        let manager = ServiceManager(logger: logger)
        let reloading = await Reloading(logger: logger, manager: manager)
        let levels = await LogLevelSwitch()
        let switching = Task { await levels.run() }
        defer { switching.cancel() }
        let kernels = try settings.kernels()
        // Its digest, which begins to be computed here, is needed to take jobs and to begin with them, not to be ready.
        let modelOptions = ModelOptions(settings: settings)
        let watch = try modelOptions.watch(logger)
        let library = try modelOptions.library(watch, kernels: kernels, logger)
        let models = library.registry
        let grace = try settings.seconds("grace")
        var configuration = ServerConfiguration()
        try ListeningOptions(settings: settings).apply(to: &configuration)
        try ClientOptions(settings: settings).apply(to: &configuration)
        var files: [Reloading.Source] = []
        try TLSOptions(settings: settings).apply(logger, to: &configuration, reloading: &files)
        let access = AccessOptions(settings: settings)
        let keys = try access.keys(logger, reloading: &files)
        let accessLog = try access.log(logger, reloading: &files)
        var limits = ScoringService.Settings()
        limits.maxBodyBytes = try settings.mebibytes("max-body")
        limits.reusesResults = try settings.isOn("reuse-results")
        limits.missingModel = try settings.text("on-missing-model").flatMap { .init(rawValue: $0) } ?? .wait
        let tracing = try TracingOptions(logger)
        let telemetry = JobTelemetry(keys: keys?.current.names ?? [])
        let memory = MemoryShares()
        limits.canary = try CanaryOptions(settings: settings).canary(of: library, within: memory, telemetry, logger)
        let callbacks = try CallbackOptions(settings: settings).delivery(
            telemetry, tracer: tracing.tracer, logger, reloading: &files)
        if let callbacks { limits.callbackAddress = callbacks.address }
        let alerts = try AlertOptions(settings: settings).alerts(telemetry, logger, reloading: &files)
        if let alerts {
            limits.alerts = alerts.delivery.names
            limits.chunkScored = alerts.delivery.chunkScored
        }
        let workers = try settings.integer(ifSet: "workers") ?? Processors.count
        let control = try access.control(keys: keys, configuration)
        let isOpen =
            try keys == nil && !configuration.listensOnThisMachineAlone && settings.text("tls-client-ca") == nil
        let (shelf, archive) = (VideoShelf(), VideoArchive())
        limits.videos = try ServedVideos(settings: settings).intake(on: shelf, keeping: archive, logger)
        let jobs = try await JobOptions(
            settings: settings, keys: keys, tracer: tracing.tracer, shelf: shelf, archive: archive,
            alerts: alerts?.delivery
        ).open(listening: StatePlace.Name(configuration), within: memory, telemetry, logger)
        defer { _ = jobs.close() }
        try await jobs.resume(shelf, archive, logger)
        memory.apply(to: &limits, jobs.backlog.limits)
        var description = ServerDescription()
        description.rateLimit = try settings.integer(ifSet: "rate-limit").flatMap { $0 == 0 ? nil : $0 }
        let audit = try AuditOptions(settings, logger, reloading: &files)
        try await audit.recover(from: jobs.backlog, logger)
        var service = try access.service()
        (service.tracer, service.audit) = (tracing.tracer, audit.trail)
        let composition = Composition(
            models: models, library: library, backlog: jobs.backlog, workers: workers, scoring: limits,
            service: service,
            server: description, http: configuration, access: control, keys: keys, telemetry: telemetry,
            observers: [accessLog.add], logger: logger)
        if watch.folder != nil || library.files.contains(where: { $0.path != nil }) {
            files.append(watch.source(composition.scoring, library))
        }
        if limits.canary != nil {
            let scoring = composition.scoring
            files.append(Reloading.Source(name: "canary", files: nil) { await scoring.rereadCanary() })
        }
        let config = try ConfigReading(settings) { [self] in try self.settings() }
        let rereading = Task { [files] in await reloading.run(files, config: config) }
        defer { rereading.cancel() }
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(
                        service: ScoringRuntime(
                            composition: composition, callbacks: callbacks, alerts: alerts,
                            certificates: configuration.tls.map { CertificateWatch($0, logger: logger) },
                            audit: audit, manager: manager, isOpen: isOpen, grace: grace, logger: logger,
                            facts: [
                                "version": "\(Vigil.version)", "kernels": "\(kernels.described)",
                                "model": "\(models.default.name)",
                                "models": "\(models.all.map(\.name).joined(separator: ", "))",
                                "workers": .stringConvertible(workers),
                                "state": "\(jobs.place)",
                                "processors": "\(memory.limits.processorText)",
                                "memory": .stringConvertible(ByteCount(memory.limits.memory)),
                                "uploads": .stringConvertible(ByteCount(jobs.backlog.limits.maxBytes)),
                            ]))
                ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
        await jobs.leave()
        // First what must not be lost, then all that waits for others, at once.
        let change = jobs.close()
        async let writing: Void = accessLog.finish()
        async let noting: Void = audit.finish()
        async let sending: Void = tracing.finish()
        async let leaving: Void? = alerts?.finish()
        _ = await (writing, noting, sending, leaving)
        let areAtRest = await composition.settle()
        if let change { throw Failure(.internal, change) }
        // Without what libraries have left to be done at exit: threads are still at work.
        if !areAtRest { throw ExitCode.success }
    }

    private func settings() throws -> Settings {
        try Settings(
            .serve, options: general.given, server.given, jobs.given, callbacks.given, alerts.given, access.given,
            listening.given,
            clients.given, tls.given)
    }

    private func logger(_ settings: Settings) throws -> Logger {
        LogLines.use(
            try settings.text("log-format").flatMap { .init(rawValue: $0) } ?? .text,
            try settings.text("log-level").flatMap { .init(rawValue: $0) } ?? .info)
        return Logger(label: "vigil")
    }
}

/// The service's life: workers, then the listener; on a signal not ready, then the jobs, then the connections.
private struct ScoringRuntime: ServiceLifecycle.Service {
    let composition: Composition
    /// What tells clients that their jobs have ended; nil where callbacks are off.
    let callbacks: CallbackDelivery?
    /// What tells of segments; nil where nobody is told.
    let alerts: ServedAlerts?
    /// Nil where requests come without TLS.
    let certificates: CertificateWatch?
    let audit: AuditOptions
    /// Nil where nobody is told how the process fares.
    let manager: ServiceManager?
    /// Whether anybody who reaches it from elsewhere may use it.
    let isOpen: Bool
    let grace: Duration
    let logger: Logger
    /// What the log's first line tells.
    let facts: Logger.Metadata

    func run() async throws {
        do { try await composition.start() } catch {
            await audit.withdraw()
            throw error
        }
        let scoring = composition.scoring
        tellOfStart()
        let renewal = Task { [certificates] in await certificates?.run() }
        defer { renewal.cancel() }
        let expiry = Task { [scoring] in await scoring.expireResults() }
        defer { expiry.cancel() }
        let calling = Task { [callbacks, scoring] in await callbacks?.run(scoring.backlog) }
        defer { calling.cancel() }
        try alerts?.start()
        let alerting = Task { [alerts, scoring] in await alerts?.delivery.run(scoring) }
        defer { alerting.cancel() }
        let tending = Task { [scoring] in await scoring.lookAfterModels(copies: ScratchPlace.path) }
        defer { tending.cancel() }
        let following = Task { [scoring] in await scoring.followOtherProcesses() }
        defer { following.cancel() }
        let tidying = Task { [scoring] in await Memory.giveBackAtRest { scoring.isIdle } }
        defer { tidying.cancel() }
        manager?.tell(.ready)
        // Beside the start: it takes as long as that itself.
        if let videos = scoring.videos {
            _ = OwnThread.run(name: "vigil-ffmpeg", stackBytes: 1 << 18) { videos.decoding() }
        }
        let stuckAfter = VigilService.Settings().stuckAfter
        let attesting = Task { [manager, scoring] in await manager?.attest { scoring.canWork(stuckAfter: stuckAfter) } }
        defer { attesting.cancel() }
        try? await gracefulShutdown()
        manager?.tell(.stopping)
        await stop()
    }

    /// Tells the log what begins here. By itself, as whoever holds a model for as long as the server runs keeps it from going.
    private func tellOfStart() {
        let model = composition.models.default
        LogLines.shared.begin("vigil begins", facts)
        for address in composition.server.addresses {
            // Scripts take the port from what follows url=, up to the next blank: another field comes after it.
            logger.info(
                "listening",
                metadata: [
                    "url": "\(url(of: address))", "model": "\(model.name)", "version": facts["version"] ?? "",
                ])
        }
        if !composition.scoring.isLasting {
            logger.notice("jobs are in memory: what was accepted ends with the process")
        }
        if isOpen { logger.warning("whoever reaches this server may use it: --api-keys names those who may") }
        for version in composition.models.all {
            guard let caution = version.model.info.caution else { continue }
            logger.warning(
                version === model
                    ? "the model: \(caution); name another by --model" : "the model '\(version.name)': \(caution)")
        }
    }

    /// A URL for people, where there is one: a Unix socket has none.
    private func url(of address: ListenAddress) -> String {
        let scheme = certificates == nil ? "http" : "https"
        return if case .internet(let address) = address { "\(scheme)://\(address)" } else { "\(address)" }
    }

    private func stop() async {
        logger.info("shutting down: no further jobs are accepted")
        let left = await composition.stop(within: grace)
        if left > 0, composition.scoring.isLasting {
            logger.notice("jobs are kept for the next start", metadata: ["jobs": .stringConvertible(left)])
        } else if left > 0 {
            logger.error("jobs were not finished in time and are lost", metadata: ["jobs": .stringConvertible(left)])
        }
        logger.info("stopped")
    }
}
