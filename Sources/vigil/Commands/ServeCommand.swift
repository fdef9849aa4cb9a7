import API
import ArgumentParser
import Engine
import HTTP
import Jobs
import Logging
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
    @OptionGroup(title: "Access") var access: SettingGroup<ServeSettings.Access>
    @OptionGroup(title: "Listening") var listening: SettingGroup<ServeSettings.Listening>
    @OptionGroup(title: "Clients") var clients: SettingGroup<ServeSettings.Clients>
    @OptionGroup(title: "TLS") var tls: SettingGroup<ServeSettings.TLS>

    func run() async throws {
        Memory.keepSmallBlocks()
        Descriptors.raiseLimit()
        let settings = try Settings(
            .serve, options: general.given, server.given, jobs.given, callbacks.given, access.given, listening.given,
            clients.given, tls.given)
        let logger = try logger(settings)
        for note in settings.notes { logger.notice("\(note)") }
        let reloading = await Reloading(logger: logger)
        let kernels = try settings.kernels()
        // Its digest, which begins to be computed here, is needed to take jobs and to begin with them, not to be ready.
        let models = ModelRegistry(
            serving: try ModelSource.load(path: try settings.text("model"), kernels: kernels))
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
        let callbacks = try CallbackOptions(settings: settings).delivery(logger, reloading: &files)
        if let callbacks { limits.callbackAddress = callbacks.address }
        let workers = try settings.integer(ifSet: "workers") ?? Processors.count
        let control = try access.control(keys: keys, configuration)
        let isOpen =
            try keys == nil && !configuration.listensOnThisMachineAlone && settings.text("tls-client-ca") == nil
        let jobs = try JobOptions(settings: settings).open(listening: StatePlace.Name(configuration), logger)
        defer { _ = jobs.close() }
        try await jobs.resume(logger)
        let composition = Composition(
            models: models, backlog: jobs.backlog, workers: workers, scoring: limits, http: configuration,
            gate: control.gate, observer: accessLog.map { $0.add }, logger: logger)
        let rereading = Task { [files] in await reloading.run(files) }
        defer { rereading.cancel() }
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(
                        service: ScoringRuntime(
                            composition: composition, callbacks: callbacks,
                            certificates: configuration.tls.map { CertificateWatch($0, logger: logger) },
                            isOpen: isOpen, grace: grace, logger: logger,
                            facts: [
                                "version": "\(Vigil.version)", "kernels": "\(kernels.name)",
                                "model": "\(models.default.name)", "workers": "\(workers)", "state": "\(jobs.place)",
                            ]))
                ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
        await accessLog?.finish()
        await composition.settle()
        if let change = jobs.close() { throw Failure(.internal, change) }
    }

    private func logger(_ settings: Settings) throws -> Logger {
        LogLines.use()
        var logger = Logger(label: "vigil")
        logger.logLevel = try settings.text("log-level").flatMap { .init(rawValue: $0) } ?? .info
        return logger
    }
}
