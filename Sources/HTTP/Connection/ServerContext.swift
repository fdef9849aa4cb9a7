/// What all connections of a server share and none changes.
final class ServerContext: Sendable {
    let limits: Limits
    let timeouts: Timeouts
    let serverName: String?
    let trust: TrustedProxies
    let shares: ConnectionShares
    let router: Router
    let renderProblem: @Sendable (HTTPProblem, _ requestID: String) -> Response
    let observe: (@Sendable (ExchangeRecord) -> Void)?

    init(
        configuration: ServerConfiguration, router: Router,
        renderProblem: @escaping @Sendable (HTTPProblem, String) -> Response,
        observe: (@Sendable (ExchangeRecord) -> Void)? = nil
    ) {
        limits = configuration.limits.usable
        timeouts = configuration.timeouts
        serverName = configuration.serverName
        trust = configuration.trust
        shares = ConnectionShares(
            limit: limits.maxConnectionsPerAddress ?? .max,
            sparesLoopback: configuration.limits.maxConnectionsPerAddress == nil)
        self.router = router
        self.renderProblem = renderProblem
        self.observe = observe
    }
}
