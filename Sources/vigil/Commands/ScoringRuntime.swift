import API
import HTTP
import Logging
import Scoring
import ServiceLifecycle

/// The service's life: workers, then the listener; on a signal not ready, then the jobs, then the connections.
struct ScoringRuntime: ServiceLifecycle.Service {
    let composition: Composition
    /// What tells clients that their jobs have ended; nil where callbacks are off.
    let callbacks: CallbackDelivery?
    /// Nil where requests come without TLS.
    let certificates: CertificateWatch?
    /// Whether anybody who reaches it from elsewhere may use it.
    let isOpen: Bool
    let grace: Duration
    let logger: Logger
    /// What the log's first line tells.
    let facts: Logger.Metadata

    func run() async throws {
        try await composition.start()
        let (scoring, model) = (composition.scoring, composition.models.default)
        LogLines.shared.begin(logger.logLevel, "vigil begins", facts)
        for address in composition.server.addresses {
            // Scripts take the port from what follows url=, up to the next blank: another field comes after it.
            logger.info(
                "listening",
                metadata: [
                    "url": "\(url(of: address))", "model": "\(model.name)", "version": facts["version"] ?? "",
                ])
        }
        if !scoring.isLasting { logger.notice("jobs are in memory: what was accepted ends with the process") }
        if isOpen { logger.warning("whoever reaches this server may use it: --api-keys names those who may") }
        if !model.model.info.trained {
            logger.warning("the model is untrained, its scores mean nothing: name another by --model")
        }
        let renewal = Task { [certificates] in await certificates?.run() }
        defer { renewal.cancel() }
        let expiry = Task { [scoring] in await scoring.expireResults() }
        defer { expiry.cancel() }
        let calling = Task { [callbacks, scoring] in await callbacks?.run(scoring.backlog) }
        defer { calling.cancel() }
        let following = Task { [scoring] in await scoring.followOtherProcesses() }
        defer { following.cancel() }
        let tidying = Task { [scoring] in await Memory.giveBackAtRest { scoring.isIdle } }
        defer { tidying.cancel() }
        try? await gracefulShutdown()
        await stop()
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
            logger.notice("jobs are kept for the next start", metadata: ["jobs": "\(left)"])
        } else if left > 0 {
            logger.error("jobs were not finished in time and are lost", metadata: ["jobs": "\(left)"])
        }
        logger.info("stopped")
    }
}
