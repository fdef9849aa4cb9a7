import Dispatch
import Logging
import Synchronization

/// Accepts connections and hands them to the loops in turn.
///
/// `@unchecked Sendable`: everything mutable is touched on `queue` alone; entries from outside go through it.
final class Listener: @unchecked Sendable {
    /// Accepted in one go before the source is asked again.
    private static let acceptsPerTurn = 64
    /// Connections beyond the limit that are accepted only to be told so.
    private static let refusalReserve = 32
    private static let pause = DispatchTimeInterval.milliseconds(100)

    let address: ListenAddress
    private let queue = DispatchQueue(label: "http.listener")
    /// Nil once the listener is stopped.
    private var socket: ListeningSocket?
    private let loops: [EventLoop]
    private let counters: ServerCounters
    private let context: ServerContext
    private let maxConnections: Int
    private let logger: Logger
    private var source: (any DispatchSourceRead)?
    private var isPaused = false
    private var nextLoop = 0
    /// Whether the log has been told that descriptors have run out, since there were some last.
    private var hasWarned = false

    init(
        _ socket: consuming ListeningSocket, loops: [EventLoop], context: ServerContext, counters: ServerCounters,
        logger: Logger
    ) {
        address = socket.address
        self.socket = consume socket
        self.loops = loops
        self.counters = counters
        self.context = context
        maxConnections = context.limits.maxConnections ?? .max
        self.logger = logger
    }

    func start() {
        queue.sync {
            guard let descriptor = socket?.socket.descriptor else { return }
            let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
            // The handler keeps the listener, and with it the descriptor, until the source is cancelled.
            source.setEventHandler { self.acceptReady() }
            source.activate()
            self.source = source
        }
    }

    /// Takes what has already been connected, and then closes the socket; returns once it is closed.
    func stop() async {
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            queue.async { self.stop(done) }
        }
    }

    private func stop(_ done: CheckedContinuation<Void, Never>) {
        guard let source else {
            done.resume()
            return
        }
        acceptReady()
        // The descriptor must outlive the source.
        source.setCancelHandler {
            self.socket = nil
            done.resume()
        }
        source.cancel()
        if isPaused { source.resume() }
        self.source = nil
    }

    private func acceptReady() {
        dispatchPrecondition(condition: .onQueue(queue))
        for _ in 0..<Self.acceptsPerTurn {
            guard counters.open.load(ordering: .relaxed) < maxConnections + Self.refusalReserve else {
                pauseAccepting()
                return
            }
            switch socket?.accept() {
            case .connection(let descriptor, let peer): hand(descriptor, peer)
            case .again: continue
            case .nothing, nil:
                hasWarned = false
                return
            case .exhausted(let code):
                if !hasWarned { logger.warning("accepting pauses", metadata: ["errno": "\(code)"]) }
                hasWarned = true
                pauseAccepting()
                return
            }
        }
    }

    private func hand(_ descriptor: Int32, _ peer: SocketAddress) {
        counters.accepted.add(1, ordering: .relaxed)
        var arrival = Arrival(peer: peer)
        switch context.admit(&arrival) {
        case .admitted: break
        case .refused: arrival.refusal = .tooManyConnectionsOfAddress
        case .dropped:
            counters.refused.add(1, ordering: .relaxed)
            _ = Socket(owning: descriptor)
            return
        }
        let open = counters.open.add(1, ordering: .relaxed).newValue
        if open > maxConnections { arrival.refusal = .tooManyConnections }
        if arrival.refusal != nil { counters.refused.add(1, ordering: .relaxed) }
        nextLoop = (nextLoop + 1) % loops.count
        loops[nextLoop].adopt(descriptor, arrival)
    }

    /// Leaves further connections with the kernel for a moment, rather than spin on a socket that stays ready.
    private func pauseAccepting() {
        guard !isPaused, let source else { return }
        isPaused = true
        source.suspend()
        queue.asyncAfter(deadline: .now() + Self.pause) {
            guard self.isPaused, let source = self.source else { return }
            self.isPaused = false
            source.resume()
        }
    }
}
