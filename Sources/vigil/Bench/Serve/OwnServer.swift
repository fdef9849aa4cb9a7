import HTTP
import HTTPClient
import Jobs
import Logging
import Service
import VadCLIP

/// A server within this process, as `vigil serve` would run it, on a free port.
struct OwnServer {
    let url: ServerURL
    private let service: VigilService
    private let server: HTTPServer

    /// Starts it; what it logs below errors is left out.
    static func start(model: Model, workers: Int) async throws -> OwnServer {
        LogLines.use()
        LogLines.shared.beginSilently()
        var logger = Logger(label: "vigil")
        logger.logLevel = .error
        let backlog = Backlog(
            store: MemoryJobStore(settings: .init()), limits: .init(maxJobs: 1_000, maxBytes: 512 << 20),
            logger: logger)
        let service = VigilService(model: model, backlog: backlog, workers: workers, openAPI: Resources.openAPI)
        let server = HTTPServer(
            configuration: ServerConfiguration(), router: service.router(), problemRenderer: VigilService.render,
            logger: logger)
        try service.start()
        do {
            let address = try await server.start()
            return OwnServer(
                url: ServerURL(host: address.host, port: address.port), service: service, server: server)
        } catch {
            _ = await service.drain(within: .zero)
            throw Failure(.configuration, error.description)
        }
    }

    /// Ends it; nothing that was asked for is left by then.
    func stop() async {
        service.stopAccepting()
        await server.shutdown(grace: .seconds(1))
        _ = await service.drain(within: .seconds(1))
    }
}
