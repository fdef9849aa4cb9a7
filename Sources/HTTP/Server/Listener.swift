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

    let address: SocketAddress
    private let queue = DispatchQueue(label: "http.listener")
    private let socket: ListeningSocket
    private let loops: [EventLoop]
    private let counters: ServerCounters
    private let maxConnections: Int
    private let logger: Logger
    private var source: (any DispatchSourceRead)?
    private var isPaused = false
    private var nextLoop = 0

    init(
        _ socket: consuming ListeningSocket, loops: [EventLoop], counters: ServerCounters, maxConnections: Int,
        logger: Logger
    ) {
        address = socket.address
        self.socket = socket
        self.loops = loops
        self.counters = counters
        self.maxConnections = maxConnections
        self.logger = logger
    }

    func start() {
        queue.sync {
            let source = DispatchSource.makeReadSource(fileDescriptor: socket.socket.descriptor, queue: queue)
            // The handler keeps the listener, and with it the descriptor, until the source is cancelled.
            source.setEventHandler { self.acceptReady() }
            source.activate()
            self.source = source
        }
    }

    /// Takes what has already been connected, and then no more.
    func stop() {
        queue.sync {
            guard let source else { return }
            acceptReady()
            source.cancel()
            if isPaused { source.resume() }
            self.source = nil
        }
    }

    private func acceptReady() {
        dispatchPrecondition(condition: .onQueue(queue))
        for _ in 0..<Self.acceptsPerTurn {
            guard counters.open.load(ordering: .relaxed) < maxConnections + Self.refusalReserve else {
                pauseAccepting()
                return
            }
            switch socket.accept() {
            case .connection(let descriptor, let peer): hand(descriptor, peer)
            case .again: continue
            case .none: return
            case .exhausted(let code):
                logger.warning("out of descriptors, accepting pauses", metadata: ["errno": "\(code)"])
                pauseAccepting()
                return
            }
        }
    }

    private func hand(_ descriptor: Int32, _ peer: SocketAddress) {
        counters.accepted.add(1, ordering: .relaxed)
        let open = counters.open.add(1, ordering: .relaxed).newValue
        let isBeyondLimit = open > maxConnections
        if isBeyondLimit { counters.refused.add(1, ordering: .relaxed) }
        nextLoop = (nextLoop + 1) % loops.count
        loops[nextLoop].adopt(descriptor, peer: peer, refusing: isBeyondLimit ? .tooManyConnections : nil)
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
