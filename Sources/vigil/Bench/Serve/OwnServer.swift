import Engine
import HTTP
import HTTPClient
import Jobs
import Logging
import VadCLIP

/// A server within this process, as `vigil serve` would run it, on a free port.
struct OwnServer {
    let url: ServerURL
    private let composition: Composition

    /// Starts it; what it logs below errors is left out.
    static func start(model: Model, workers: Int) async throws -> OwnServer {
        LogLines.use()
        LogLines.shared.beginSilently()
        var logger = Logger(label: "vigil")
        logger.logLevel = .error
        let backlog = Backlog(
            store: MemoryJobStore(settings: .init()), limits: .init(maxJobs: 1_000, maxBytes: 512 << 20),
            logger: logger)
        let composition = Composition(
            models: ModelRegistry(serving: model), backlog: backlog, workers: workers, logger: logger)
        let address = try await composition.start()
        return OwnServer(url: ServerURL(host: address.host, port: address.port), composition: composition)
    }

    /// Ends it; nothing that was asked for is left by then.
    func stop() async {
        _ = await composition.stop(within: .seconds(1))
        await composition.settle()
    }
}
