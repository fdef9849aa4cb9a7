import Dispatch
import Logging
import Platform
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
    /// Whether nobody else can begin to connect.
    private var isEnding = false
    private var nextLoop = 0
    /// Connections beyond the limit, which wait for idle ones to make room.
    private var seekers: [(descriptor: Int32, arrival: Arrival)] = []
    private var isSeeking = false
    /// Called once no connection waits for room.
    private var onSettled: (() -> Void)?
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

    /// Takes everyone who is connected, and then closes the socket; returns once it is closed.
    func stop() async {
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            queue.async {
                self.isEnding = true
                let pause = Int(clamping: (self.socket?.endConnecting() ?? .zero).wholeNanoseconds)
                self.queue.asyncAfter(deadline: .now() + .nanoseconds(pause)) { self.stop(done) }
            }
        }
    }

    private func stop(_ done: CheckedContinuation<Void, Never>) {
        guard let source else {
            done.resume()
            return
        }
        // The descriptor must outlive the source.
        source.setCancelHandler { self.close(done) }
        source.cancel()
        if isPaused { source.resume() }
        self.source = nil
    }

    private func close(_ done: CheckedContinuation<Void, Never>) {
        acceptAll()
        guard !isSeeking, seekers.isEmpty else {
            onSettled = { self.close(done) }
            return
        }
        socket = nil
        done.resume()
    }

    private func acceptReady() {
        dispatchPrecondition(condition: .onQueue(queue))
        defer { seekRoom() }
        for _ in 0..<Self.acceptsPerTurn {
            guard acceptOne() else { return }
        }
    }

    /// Takes everyone who waits, for whom there is room.
    private func acceptAll() {
        while acceptOne() {}
        seekRoom()
    }

    /// - Returns: whether another one may wait
    private func acceptOne() -> Bool {
        guard counters.open.load(ordering: .relaxed) < maxConnections + Self.refusalReserve else {
            pauseAccepting()
            return false
        }
        switch socket?.accept() {
        case .connection(let descriptor, let peer): hand(descriptor, peer)
        case .again: break
        case .nothing, nil:
            hasWarned = false
            return false
        case .exhausted where isEnding: return false
        case .exhausted(let code):
            if !hasWarned { logger.warning("accepting pauses", metadata: ["errno": .stringConvertible(code)]) }
            hasWarned = true
            pauseAccepting()
            return false
        }
        return true
    }

    private func hand(_ descriptor: Int32, _ peer: SocketAddress) {
        counters.accepted.add(1, ordering: .relaxed)
        var arrival = Arrival(peer: peer)
        switch context.admit(&arrival) {
        case .admitted: break
        case .refused: arrival.refusal = .tooManyConnectionsOfAddress
        case .dropped:
            counters.refused.add(1, ordering: .relaxed)
            counters.dropped.add(1, ordering: .relaxed)
            _ = Socket(owning: descriptor)
            return
        }
        let open = counters.open.add(1, ordering: .relaxed).newValue
        if open > maxConnections, arrival.refusal == nil {
            seekers.append((descriptor, arrival))
        } else {
            adopt(descriptor, arrival)
        }
    }

    private func adopt(_ descriptor: Int32, _ arrival: Arrival) {
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

/// Room for those who come when there are as many connections as there may be.
extension Listener {
    /// Idle connections that are looked for beyond those that are needed, as some may get something to do meanwhile.
    private static let spare = 16

    /// Ends the connections that have been idle for the longest in favour of those who wait; who finds none is refused.
    private func seekRoom() {
        guard !isSeeking, !seekers.isEmpty else { return }
        isSeeking = true
        let waiting = seekers
        seekers = []
        Task {
            let room = await makeRoom(for: waiting.count)
            queue.async { self.adopt(waiting, room: room) }
        }
    }

    /// - Returns: how many of so many there is room for.
    private func makeRoom(for wanted: Int) async -> Int {
        var idle: [IdleConnection] = []
        for loop in loops { idle += await loop.idleConnections(most: wanted + Self.spare) }
        idle.sort { $0.idleness < $1.idleness }
        // Asked after the loops were, which have counted by then what they had closed.
        var missing = max(0, min(wanted, counters.open.load(ordering: .relaxed) - maxConnections))
        for one in idle where missing > 0 {
            if await one.loop.end(one) { missing -= 1 }
        }
        return wanted - missing
    }

    private func adopt(_ waiting: [(descriptor: Int32, arrival: Arrival)], room: Int) {
        for (index, var one) in waiting.enumerated() {
            if index >= room { one.arrival.refusal = .tooManyConnections }
            adopt(one.descriptor, one.arrival)
        }
        // To look at all connections costs less than this each, so that it takes no more than a part of the time.
        queue.asyncAfter(deadline: .now() + .microseconds(counters.open.load(ordering: .relaxed))) {
            self.isSeeking = false
            self.seekRoom()
            self.reportSettled()
        }
    }

    private func reportSettled() {
        guard !isSeeking, seekers.isEmpty else { return }
        onSettled.take()?()
    }
}

/// A connection that was accepted, and what is known of its client before it has sent anything.
struct Arrival {
    /// The other end of the socket.
    let peer: SocketAddress
    /// Whom it is counted for; nil while that is not known, and for those who speak for many clients.
    var share: IPAddress?
    /// Whether it begins with a PROXY header.
    var bringsProxyHeader = false
    /// What it is answered with before it has asked.
    var refusal: HTTPProblem?

    init(peer: SocketAddress) {
        self.peer = peer
    }
}

extension ServerContext {
    /// Finds out who has come, and counts the connection for its client. A trusted proxy's is counted once a PROXY header
    /// tells the client, and otherwise not at all, since it carries the requests of many.
    func admit(_ arrival: inout Arrival) -> ConnectionShares.Admission {
        if trust.contains(arrival.peer) {
            arrival.bringsProxyHeader = trust.expectsProxyHeader
            return .admitted
        }
        return count(arrival.peer, in: &arrival.share)
    }

    /// Counts a connection for the client at `address`; Unix sockets are not counted.
    func count(_ address: SocketAddress, in share: inout IPAddress?) -> ConnectionShares.Admission {
        guard let ip = address.ip, shares.counts(ip) else { return .admitted }
        let found = ip.share
        let admission = shares.take(found)
        if admission != .dropped { share = found }
        return admission
    }
}

/// Counts the open connections of each client, so that none has more than its share.
final class ConnectionShares: Sendable {
    /// What becomes of one more connection.
    enum Admission {
        case admitted
        /// Beyond the share: it is counted, told so, and ended.
        case refused
        /// Far beyond: it is not counted, and ended without an answer, since answers take connections too.
        case dropped
    }

    /// Connections beyond the share that are kept to be told so.
    static let refusalReserve: Int32 = 16

    private let limit: Int32
    private let sparesLoopback: Bool
    private let open = Mutex<[IPAddress: Int32]>([:])

    /// - Parameters:
    ///   - limit: the open connections that a client may have.
    ///   - sparesLoopback: whether clients on this machine are not counted, which are mostly proxies and tools of its owner.
    init(limit: Int, sparesLoopback: Bool = false) {
        self.sparesLoopback = sparesLoopback
        self.limit = Int32(clamping: min(limit, 1 << 30))
    }

    /// Whether connections of this address are counted at all.
    func counts(_ address: IPAddress) -> Bool { !(sparesLoopback && address.isLoopback) }

    /// Counts one more connection of `share`, unless it is dropped.
    func take(_ share: IPAddress) -> Admission {
        open.withLock { counts in
            let count = counts[share, default: 0] &+ 1
            guard count <= limit + Self.refusalReserve else { return .dropped }
            counts[share] = count
            return count <= limit ? .admitted : .refused
        }
    }

    /// Takes back what `take` has counted.
    func release(_ share: IPAddress) {
        open.withLock { counts in
            guard let count = counts[share] else { return }
            counts[share] = count > 1 ? count &- 1 : nil
        }
    }

    /// How many clients have connections, for tests.
    var clients: Int { open.withLock(\.count) }
}
