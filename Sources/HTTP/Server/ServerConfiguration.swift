import Platform
public import TLS

/// How a server listens, and what it takes.
public struct ServerConfiguration: Sendable {
    /// The IPv4 or IPv6 address to listen on, where `listen` names none.
    public var host = "127.0.0.1"
    /// The port to listen on, where `listen` names none; 0 takes any that is free.
    public var port: UInt16 = 0
    /// Where to listen, in place of `host` and `port`.
    public var listen: [ListenAddress] = []
    /// The permissions of the files of Unix sockets.
    public var unixSocketMode: UInt32 = 0o660
    /// Who may speak for other clients.
    public var trust = TrustedProxies()
    /// How many connections the kernel keeps that were not accepted yet.
    public var listenBacklog = 1024
    /// How many event loops share the connections; nil for one a processor that the process may use.
    public var eventLoops: Int?
    /// How much of anything is taken from a client.
    public var limits = Limits()
    /// How long a client may take.
    public var timeouts = Timeouts()
    /// The certificate and key that connections are secured with; nil for plain HTTP.
    public var tls: TLSCredentials?
    /// What the Server field says; by default there is none.
    public var serverName: String?

    /// The defaults.
    public init() {}

    /// How many event loops there will be.
    public var loops: Int { max(1, eventLoops ?? ProcessLimits.atStart.threads) }

    /// Whether only this machine reaches the server: by addresses of loopback and Unix sockets.
    public var listensOnThisMachineAlone: Bool {
        let addresses = listen.isEmpty ? [.internet(SocketAddress(host: host, port: port))] : listen
        return addresses.allSatisfy { address in
            switch address {
            case .internet(let address): address.ip?.isLoopback == true
            case .unix: true
            case .passed: PassedSockets.areOfThisMachineAlone
            }
        }
    }
}

/// How much of anything is taken from a client; what comes beyond is refused with the status named.
public struct Limits: Sendable {
    /// Bytes of a request target (414).
    public var maxTargetBytes = 8 << 10
    /// Bytes of one field line (431).
    public var maxHeaderLineBytes = 16 << 10
    /// Bytes of all field lines together (431).
    public var maxHeaderBytes = 32 << 10
    /// Number of field lines (431).
    public var maxHeaderFields = 100
    /// Bytes of the trailers of a chunked body (400).
    public var maxTrailerBytes = 8 << 10
    /// Bytes of all chunk extensions of one body (400).
    public var maxChunkExtensionBytes = 16 << 10
    /// Bytes of a body nobody wants that are read to keep the connection; beyond, it is closed.
    public var maxDrainBytes = 1 << 20
    /// Bytes of pipelined requests that are held while one is being answered; then the socket is not read.
    public var maxPipelinedBytes = 8 << 10
    /// Bytes of a body that wait for its handler; then the socket is not read.
    public var maxWaitingBodyBytes = 512 << 10
    /// Bytes of answers that wait for the client; then nothing further is produced or read.
    public var maxWaitingOutputBytes = 64 << 10
    /// Open connections; beyond, one that is idle is ended, or the new one is refused (503). Nil for what the limit on
    /// descriptors leaves.
    public var maxConnections: Int?
    /// Open connections of one client, that is an IPv4 address or an IPv6 /64 (429); nil for seven eighths of all, so
    /// that no client alone shuts out the others, and then clients on this machine are not counted.
    public var maxConnectionsPerAddress: Int?
    /// Bytes that are read from a socket at once, into a buffer of the loop.
    public var readBufferBytes = 64 << 10

    /// The defaults.
    public init() {}
}

extension Limits {
    /// With buffers of at least 1 KiB, since without any nothing would move, and heads that 32-bit offsets reach.
    package var usable: Limits {
        var limits = self
        limits.readBufferBytes = max(1 << 10, readBufferBytes)
        limits.maxPipelinedBytes = max(1 << 10, maxPipelinedBytes)
        limits.maxWaitingBodyBytes = max(1 << 10, maxWaitingBodyBytes)
        limits.maxWaitingOutputBytes = max(1 << 10, maxWaitingOutputBytes)
        limits.maxTargetBytes = min(1 << 28, maxTargetBytes)
        limits.maxHeaderBytes = min(1 << 28, maxHeaderBytes)
        let connections = maxConnections ?? Self.connectionsForDescriptors()
        limits.maxConnections = connections
        limits.maxConnectionsPerAddress = maxConnectionsPerAddress ?? max(1, connections - connections / 8)
        return limits
    }

    /// Descriptors that are left to the rest of the program.
    private static let reservedDescriptors = 128

    /// How many connections the limit on descriptors has room for.
    private static func connectionsForDescriptors() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 512 }
        return max(16, Int(clamping: limit.rlim_cur) - reservedDescriptors)
    }
}

/// How long a client may take.
public struct Timeouts: Sendable {
    /// From the connection to the end of the TLS handshake, however its bytes drip.
    public var handshake = Duration.seconds(10)
    /// From the first byte of a head to its last, however the bytes between drip (408).
    public var requestHead = Duration.seconds(10)
    /// Between two pieces of a body, while the handler waits for it (408).
    public var bodyIdle = Duration.seconds(30)
    /// Between two steps of a client taking its answer.
    public var writeIdle = Duration.seconds(30)
    /// How many bytes a second a body must bring, and an answer must be taken with, on average after the idle
    /// timeout has passed once; so that one byte now and then does not hold a connection for ever.
    public var minimumBytesPerSecond = 500
    /// Between two requests, and before the first one.
    public var keepAliveIdle = Duration.seconds(75)
    /// How long the client has to end the connection after the last answer, so that it can read that.
    public var linger = Duration.seconds(2)

    /// The defaults.
    public init() {}
}
