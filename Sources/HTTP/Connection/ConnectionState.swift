import HTTPTypes
import Platform

/// All that a connection knows and decides, without a socket, a queue or a clock.
///
/// Bytes, the end of the input, answers and the time go in; bytes to send come out in `output`, and what else is to be
/// done as an `Action`. The shell around it, `Connection`, only carries out. Requests are answered one after the other:
/// a pipelined one is not looked at until the one before it is answered, so that order needs no bookkeeping.
struct ConnectionState {
    /// What the shell is asked to do.
    enum Action {
        /// Run a handler and give its answer to `answer`.
        case start(HandlerCall)
        /// Hand a piece of the body to the handler, a range of the input.
        case body(Range<Int>)
        /// Tell the handler that the body is complete.
        case endBody
        /// Tell the handler that the body will not be complete.
        case failBody(BodyError)
        /// End our side of the connection; the client may still read and write.
        case halfClose
        /// Let go of the connection, and of the handler if one is at work.
        case close
        /// Let go of a trusted proxy's connection, for what the log is told.
        case distrust(ProxyHeaderError)
    }

    enum Phase {
        /// A trusted proxy is to say for whom it comes, before anything else.
        case proxyHeader(ProxyHeaderReader)
        /// TLS is being agreed upon; no request can come yet.
        case handshake
        /// Between requests, or within a head.
        case head
        /// A request is being read or answered.
        case exchange
        /// The last answer is being sent.
        case closing
        /// It is sent; the client may take its time to read it.
        case lingering
        case closed
    }

    let context: ServerContext
    let dateLine: DateLine
    private let isSecured: Bool
    /// Whom the connection comes from: the other end of the socket, or whom a PROXY header names.
    var remote = SocketAddress.unknown
    var ids: RequestIDs
    var parser: RequestParser
    var known = KnownHead()
    var phase = Phase.head
    var exchange: Exchange?
    /// What is to be sent.
    var output = OutputQueue()
    /// What was read while it could not be used.
    var backlog = InputBacklog()
    /// Whether `advance` stopped because too much output waits for the client.
    var isHeldByOutput = false
    /// Whether the client has ended its side.
    var inputEnded = false
    var isShuttingDown = false
    /// Whether a request has come by this connection.
    var hasAsked = false
    /// Whether answers end the connection though the server goes on.
    var saysClose = false

    var headClock: MonotonicTime?
    var idleSince: MonotonicTime
    var lingerUntil = MonotonicTime.distantFuture
    var bodyClock: ProgressClock?
    var writeClock: ProgressClock?

    /// - Parameters:
    ///   - bringsProxyHeader: whether the connection begins with a PROXY header
    ///   - isSecured: whether a TLS handshake comes before the first request
    init(
        context: ServerContext, dateLine: DateLine, idSeed: UInt64, bringsProxyHeader: Bool = false,
        isSecured: Bool = false, now: MonotonicTime
    ) {
        self.context = context
        self.dateLine = dateLine
        ids = RequestIDs(seed: idSeed)
        parser = RequestParser(limits: context.limits)
        idleSince = now
        self.isSecured = isSecured
        phase = bringsProxyHeader ? .proxyHeader(ProxyHeaderReader()) : afterProxyHeader
    }

    /// What a connection goes on with once it is known whom it comes from.
    var afterProxyHeader: Phase { isSecured ? .handshake : .head }

    /// Whether `advance` stopped for the output alone and that has room again, so that it is to be called once more, with
    /// the backlog or without: nothing else would start it.
    var canGoOn: Bool { isHeldByOutput && output.count < context.limits.maxWaitingOutputBytes }

    /// Whether bytes should be read from the socket now.
    var wantsInput: Bool {
        guard !inputEnded else { return false }
        switch phase {
        case .proxyHeader, .handshake: return true
        case .head: return backlog.count < context.limits.maxPipelinedBytes
        case .exchange:
            guard let exchange else { return false }
            if case .abandoned = exchange.bodyUse { return true }
            if exchange.isReadingBody { return !exchange.isBodyPaused }
            return backlog.count < context.limits.maxPipelinedBytes
        case .closing, .lingering: return true
        case .closed: return false
        }
    }

    /// Whether all of a request has come, and its handler has not answered.
    var awaitsOnlyHandler: Bool {
        guard let exchange, exchange.awaitsAnswer, case .complete = exchange.bodyUse else { return false }
        return true
    }

    /// How much to read at once: more where it is used up at once than where it has to be kept.
    var readSize: Int {
        if case .exchange = phase, let exchange, case .complete = exchange.bodyUse {
            return context.limits.maxPipelinedBytes
        }
        return context.limits.readBufferBytes
    }

    /// How many bytes of a body may be read straight into a piece for the handler, past the parser; 0 for none.
    var directBodyBytes: Int {
        guard backlog.isEmpty, let exchange, case .deliver = exchange.bodyUse,
            case .length(let remaining) = exchange.decoder
        else { return 0 }
        return remaining
    }
}

/// Input that waits its turn.
struct InputBacklog {
    private var bytes: [UInt8] = []
    private var start = 0

    var count: Int { bytes.count - start }
    var isEmpty: Bool { count == 0 }

    /// Adds the end of an input.
    mutating func append(_ input: Span<UInt8>, from position: Int) {
        guard position < input.count else { return }
        if start > 0 {
            bytes.removeFirst(start)
            start = 0
        }
        input.extracting(position..<input.count).withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
    }

    /// Takes all of it out, to be put back with `restore`.
    mutating func take() -> (bytes: [UInt8], position: Int) {
        defer { self = InputBacklog() }
        return (bytes, start)
    }

    /// Puts back what `take` gave, from where it was not used.
    mutating func restore(_ bytes: [UInt8], from position: Int) {
        guard position < bytes.count else { return }
        self.bytes = bytes
        start = position
    }
}
