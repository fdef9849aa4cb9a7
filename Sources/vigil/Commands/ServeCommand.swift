import ArgumentParser
import Dispatch
import HTTP
import Jobs
import Logging
import Service
import ServiceLifecycle

/// `vigil serve`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the scoring service.",
        discussion: "Ends on SIGTERM and SIGINT: it stops accepting, finishes what it accepted, and exits 0.")

    @Option(help: "Address to listen on. (default: 127.0.0.1)")
    var host: String?
    @Option(help: "Port to listen on; 0 takes a free one. (default: 8080)")
    var port: Int?
    @Option(help: "Model file made by vigil import. (default: the embedded, untrained demo model)")
    var model: String?
    @Option(help: "Worker threads. (default: the cores)")
    var workers: Int?
    @Option(help: "MiB that an upload may have. (default: 128)")
    var maxBody: Int?
    @Option(help: "Open connections. (default: by the limit on descriptors)")
    var maxConnections: Int?
    @OptionGroup var tls: TLSOptionGroup
    @Option(help: "Seconds to finish what was accepted after SIGTERM. (default: 25)")
    var grace: Int?
    @Option(help: "trace, debug, info, notice, warning, error or critical. (default: info)")
    var logLevel: String?
    @OptionGroup(title: "Jobs") var jobs: JobOptions
    @OptionGroup(title: "Callbacks") var callbacks: CallbackOptions
    @OptionGroup(title: "Listening") var listening: ListeningOptions
    @OptionGroup(title: "Clients") var clients: ClientOptions
    @OptionGroup(title: "Access") var access: AccessOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        Memory.keepSmallBlocks()
        Descriptors.raiseLimit()
        let settings = try await common.settings()
        let logger = try logger(settings)
        let reloading = await Reloading(logger: logger)
        let kernels = try settings.kernels()
        let model = try ModelSource.load(path: try settings.string("model", model), kernels: kernels)
        // Needed to take jobs and to begin with them, not to be ready.
        DispatchQueue.global().async { _ = model.info.sha256 }
        let grace = Duration.seconds(try settings.integer("grace", grace, default: 25, in: 0...86_400))
        var configuration = try serverConfiguration(settings)
        var files: [Reloading.Source] = []
        try tls.apply(settings, logger, to: &configuration, reloading: &files)
        let keys = try access.keys(settings, logger, reloading: &files)
        let accessLog = try access.log(settings, logger, reloading: &files)
        var limits = VigilService.Settings()
        limits.maxBodyBytes = try settings.integer("max-body", maxBody, default: 128, in: 1...65_536) << 20
        limits.reusesResults = try jobs.reusesResults(settings)
        limits.missingModel = try jobs.missingModel(settings)
        limits.callbacks = try callbacks.delivery(settings, logger, reloading: &files)
        let workers = try settings.integer("workers", workers, default: Processors.count, in: 1...1_024)
        let limiter = try access.limiter(settings)
        let (backlog, close) = try jobs.backlog(settings, listening: StatePlace.Name(configuration), logger)
        defer { close() }
        try await backlog.resume()
        let service = VigilService(
            model: model, backlog: backlog, workers: workers, openAPI: Resources.openAPI, settings: limits)
        let rereading = Task { [files] in await reloading.run(files) }
        defer { rereading.cancel() }
        let server = HTTPServer(
            configuration: configuration, router: service.router(),
            problemRenderer: VigilService.render, logger: logger,
            gate: AccessControl(keys: keys, limiter: limiter).gate,
            observer: accessLog.map { $0.add })
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(
                        service: ScoringRuntime(
                            service: service, server: server, model: model.info,
                            certificates: configuration.tls.map { CertificateWatch($0, logger: logger) },
                            grace: grace, logger: logger))
                ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
        await accessLog?.finish()
        // Ending the process under the thread that hashes would pull OpenSSL from under it.
        _ = model.info.sha256
    }

    private func logger(_ settings: Settings) throws -> Logger {
        let name = try settings.string("log-level", logLevel) ?? "info"
        guard let level = Logger.Level(rawValue: name) else {
            throw Failure(
                logLevel == nil ? .configuration : .usage,
                "--log-level '\(name)': expected \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        LoggingSystem.bootstrap(StreamLogHandler.standardError)
        var logger = Logger(label: "vigil")
        logger.logLevel = level
        return logger
    }

    private func serverConfiguration(_ settings: Settings) throws -> ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.host = try settings.string("host", host) ?? "127.0.0.1"
        configuration.port = UInt16(try settings.integer("port", port, default: 8_080, in: 0...65_535))
        let most = try settings.integer("max-connections", maxConnections, default: 0, in: 0...1_000_000)
        if most > 0 { configuration.limits.maxConnections = most }
        try listening.apply(to: &configuration, settings, namesHost: host != nil || port != nil)
        try clients.apply(to: &configuration, settings)
        return configuration
    }
}
