import TLS

/// What all connections of a server share and none changes.
final class ServerContext: Sendable {
    let limits: Limits
    let timeouts: Timeouts
    let serverName: String?
    /// Nil where requests come without TLS.
    let tls: TLSCredentials?
    let trust: TrustedProxies
    let shares: ConnectionShares
    let router: Router
    let renderProblem: @Sendable (HTTPProblem, _ requestID: String) -> Response
    let gate: RequestGate?
    let observe: (@Sendable (ExchangeRecord) -> Void)?

    init(
        configuration: ServerConfiguration, router: Router,
        renderProblem: @escaping @Sendable (HTTPProblem, String) -> Response,
        gate: RequestGate? = nil, observe: (@Sendable (ExchangeRecord) -> Void)? = nil
    ) {
        limits = configuration.limits.usable
        timeouts = configuration.timeouts
        serverName = configuration.serverName
        tls = configuration.tls
        trust = configuration.trust
        shares = ConnectionShares(
            limit: limits.maxConnectionsPerAddress ?? .max,
            sparesLoopback: configuration.limits.maxConnectionsPerAddress == nil)
        self.router = router
        self.renderProblem = renderProblem
        self.gate = gate
        self.observe = observe
    }
}
