import HTTP
import Logging
import Service
import ServiceLifecycle

/// The service's life: workers, then the listener; on a signal not ready, then the jobs, then the connections.
struct ScoringRuntime: ServiceLifecycle.Service {
    let service: VigilService
    let server: HTTPServer
    let grace: Duration
    let logger: Logger

    func run() async throws {
        try service.start()
        let address: SocketAddress
        do {
            address = try await server.start()
        } catch {
            throw Failure(.configuration, error.description)
        }
        logger.info("listening", metadata: ["address": "\(address)", "url": "http://\(address)"])
        let expiry = Task { [service] in await service.expireResults() }
        defer { expiry.cancel() }
        try? await gracefulShutdown()
        logger.info("shutting down: no further jobs are accepted")
        service.stopAccepting()
        let deadline = ContinuousClock.now + grace
        async let connections: Void = server.shutdown(grace: grace)
        let left = await service.drain(within: deadline - ContinuousClock.now)
        await connections
        if left > 0 { logger.error("jobs were not finished in time and are lost", metadata: ["jobs": "\(left)"]) }
        logger.info("stopped")
    }
}
