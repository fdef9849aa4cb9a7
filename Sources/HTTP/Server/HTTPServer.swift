import Dispatch
public import Logging
import Platform
import Synchronization
import TLS
public import Tracing

/// An HTTP/1.1 server.
public final class HTTPServer: Sendable {
    private enum Life {
        case created
        case running([Listener], [EventLoop])
        case ended
    }

    private let configuration: ServerConfiguration
    private let context: ServerContext
    private let logger: Logger
    private let counters = ServerCounters()
    private let life = Mutex(Life.created)

    /// - Parameters:
    ///   - configuration: where it listens, and its limits
    ///   - router: who answers what.
    ///   - problemRenderer: makes the answer to a request that was refused here or by a handler's `HTTPProblem`; the
    ///     problem's own fields are added where it leaves them out. Called on event loops, it must not block.
    ///   - logger: is told what is unusual
    ///   - gate: lets requests in before they are routed; without one, every request is.
    ///   - refusalFields: what answers have that refuse a request before the gate is asked.
    ///   - observer: told of each answer once it is complete or interrupted. Called on event loops, it must not block.
    ///   - tracer: gives requests their place in a trace; without one they keep that which they come from.
    public init(
        configuration: ServerConfiguration, router: Router,
        problemRenderer: @escaping ProblemRenderer, logger: Logger,
        gate: RequestGate? = nil, refusalFields: RefusalFields? = nil,
        observer: (@Sendable (ExchangeRecord) -> Void)? = nil,
        tracer: Tracer? = nil
    ) {
        self.configuration = configuration
        self.logger = logger
        context = ServerContext(
            configuration: configuration, router: router, renderProblem: problemRenderer, gate: gate,
            refusalFields: refusalFields, observe: observer, tracer: tracer)
    }

    /// Numbers since the start.
    public var statistics: ServerStatistics { counters.statistics }

    /// Listens and serves.
    ///
    /// - Returns: the first IP address that is listened on, with the port that was found where 0 was asked for;
    ///   `unix` if there are Unix sockets alone.
    @discardableResult
    public func start() async throws(ListenError) -> SocketAddress {
        let loops = try makeLoops()
        let listeners = try makeListeners(loops)
        let isFirst = life.withLock { life in
            guard case .created = life else { return false }
            life = .running(listeners, loops)
            return true
        }
        guard isFirst else { throw .alreadyStarted }
        for loop in loops { loop.start() }
        for listener in listeners { listener.start() }
        return addresses.lazy.compactMap { if case .internet(let address) = $0 { address } else { nil } }.first ?? .unix
    }

    /// Where the server listens while it runs, with the ports that were found where 0 was asked for.
    public var addresses: [ListenAddress] {
        life.withLock { life in
            if case .running(let listeners, _) = life { listeners.map(\.address) } else { [] }
        }
    }

    /// Tells clients to go elsewhere: from now on answers say `Connection: close`, while connections are still taken.
    /// The first step of a shutdown that is to be seen by health checks.
    public func beginShutdown() {
        life.withLock { life in
            guard case .running(_, let loops) = life else { return }
            for loop in loops { loop.sayClose() }
        }
    }

    /// Stops taking connections, ends idle ones, and waits for requests under way to be answered.
    ///
    /// - Parameter grace: how long they have; then connections are cut and their handlers cancelled.
    public func shutdown(grace: Duration) async {
        let running = life.withLock { life -> ([Listener], [EventLoop])? in
            defer { life = .ended }
            guard case .running(let listeners, let loops) = life else { return nil }
            return (listeners, loops)
        }
        guard let (listeners, loops) = running else { return }
        for listener in listeners { await listener.stop() }
        let nanoseconds = Int(clamping: grace.wholeNanoseconds)
        DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(nanoseconds)) {
            for loop in loops { loop.closeAll() }
        }
        await withTaskGroup(of: Void.self) { group in
            for loop in loops {
                group.addTask {
                    await withCheckedContinuation { done in loop.shutDown { done.resume() } }
                    loop.stop()
                }
            }
        }
    }

    /// Opens every address. Where one can't be had, those before it are closed again.
    private func makeListeners(_ loops: [EventLoop]) throws(ListenError) -> [Listener] {
        func listener(_ socket: consuming ListeningSocket) -> Listener {
            Listener(socket, loops: loops, context: context, counters: counters, logger: logger)
        }
        let internet = ListenAddress.internet(SocketAddress(host: configuration.host, port: configuration.port))
        var listeners: [Listener] = []
        for address in configuration.listen.isEmpty ? [internet] : configuration.listen {
            if case .passed = address {
                for descriptor in try PassedSockets.take() {
                    listeners.append(listener(ListeningSocket(passed: Socket(owning: descriptor))))
                }
            } else {
                let socket = try ListeningSocket(
                    address, backlog: configuration.listenBacklog, mode: configuration.unixSocketMode)
                listeners.append(listener(socket))
            }
        }
        return listeners
    }

    private func makeLoops() throws(ListenError) -> [EventLoop] {
        let count = configuration.loops
        var loops: [EventLoop] = []
        for index in 0..<count {
            do throws(PollerError) {
                let counters = counters
                loops.append(
                    try EventLoop(index: index, context: context, counters: counters, logger: logger) {
                        counters.open.subtract(1, ordering: .relaxed)
                    })
            } catch {
                throw .loop(call: error.call, errno: error.code)
            }
        }
        return loops
    }
}

/// Makes the answer to a request that was refused: of the problem, the request's id, and the path that was asked for, where
/// that is known.
public typealias ProblemRenderer = @Sendable (HTTPProblem, _ requestID: String, _ path: String?) -> Response

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
    let renderProblem: ProblemRenderer
    let gate: RequestGate?
    let refusalFields: RefusalFields?
    let observe: (@Sendable (ExchangeRecord) -> Void)?
    let tracer: Tracer?

    init(
        configuration: ServerConfiguration, router: Router,
        renderProblem: @escaping ProblemRenderer,
        gate: RequestGate? = nil, refusalFields: RefusalFields? = nil,
        observe: (@Sendable (ExchangeRecord) -> Void)? = nil, tracer: Tracer? = nil
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
        self.refusalFields = refusalFields
        self.observe = observe
        self.tracer = tracer
    }
}

/// Numbers of a server since it was started.
public struct ServerStatistics: Sendable, Equatable {
    /// Connections that are open now.
    public var openConnections = 0
    /// Connections that were accepted.
    public var acceptedConnections = 0
    /// Connections that were answered with 503 because there were too many.
    public var refusedConnections = 0
    /// Connections that were ended without an answer, since their client had far more than its share.
    public var droppedConnections = 0
    /// Requests that a handler was started for.
    public var startedRequests = 0
    /// TLS handshakes that came to their end.
    public var handshakes = 0
    /// Those that failed.
    public var failedHandshakes = 0
    /// Those that the client gave up.
    public var closedHandshakes = 0
    /// Requests without TLS where the server speaks it.
    public var plainRequests = 0

    /// Nothing yet.
    public init() {}
}

/// The counters behind `ServerStatistics`; each is exact, though they are not read at the same instant.
final class ServerCounters: Sendable {
    let open = Atomic<Int>(0)
    let accepted = Atomic<Int>(0)
    let refused = Atomic<Int>(0)
    let dropped = Atomic<Int>(0)
    let started = Atomic<Int>(0)
    let handshakes = Atomic<Int>(0)
    let failedHandshakes = Atomic<Int>(0)
    let closedHandshakes = Atomic<Int>(0)
    let plainRequests = Atomic<Int>(0)

    var statistics: ServerStatistics {
        var found = ServerStatistics()
        found.openConnections = open.load(ordering: .relaxed)
        found.acceptedConnections = accepted.load(ordering: .relaxed)
        found.refusedConnections = refused.load(ordering: .relaxed)
        found.droppedConnections = dropped.load(ordering: .relaxed)
        found.startedRequests = started.load(ordering: .relaxed)
        found.handshakes = handshakes.load(ordering: .relaxed)
        found.failedHandshakes = failedHandshakes.load(ordering: .relaxed)
        found.closedHandshakes = closedHandshakes.load(ordering: .relaxed)
        found.plainRequests = plainRequests.load(ordering: .relaxed)
        return found
    }
}
