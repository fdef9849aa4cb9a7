import Dispatch
import Logging
import Platform

/// A serial queue and the connections that belong to it.
///
/// `@unchecked Sendable`: everything mutable here, and everything in its connections, is touched on `queue` alone.
/// Entries from outside are `enter`, `adopt`, `shutDown`, `closeAll` and `stop`, which all go through the queue; what
/// runs on it checks so with `dispatchPrecondition`.
final class EventLoop: @unchecked Sendable {
    private static let tick = DispatchTimeInterval.milliseconds(250)
    /// How long one turn goes on while sockets are ready, so that finished handlers get theirs.
    private static let longestTurn = Duration.milliseconds(1)

    let queue: DispatchQueue
    let context: ServerContext
    let counters: ServerCounters
    let logger: Logger
    let dateLine = DateLine { time(nil) }
    /// What of failed requests goes into the log.
    var failureLines = FailureLines()

    /// The time at the beginning of the event that is being handled.
    private(set) var now = MonotonicTime.now
    /// Lent to one connection at a time, so that idle ones have none.
    private var readBuffer: [UInt8]
    private var poller: Poller
    private var connections = ConnectionTable()
    private var source: (any DispatchSourceRead)?
    private var isTicking = false
    private var isShuttingDown = false
    private var saysClose = false
    /// Called once, when the last connection of a loop that shuts down is gone.
    private var onEmpty: (@Sendable () -> Void)?
    private let connectionClosed: @Sendable () -> Void

    /// - Parameter connectionClosed: called on the loop's queue.
    init(
        index: Int, context: ServerContext, counters: ServerCounters, logger: Logger,
        connectionClosed: @escaping @Sendable () -> Void
    ) throws(PollerError) {
        queue = DispatchQueue(label: "http.loop.\(index)")
        self.context = context
        self.counters = counters
        self.logger = logger
        self.connectionClosed = connectionClosed
        readBuffer = [UInt8](repeating: 0, count: context.limits.readBufferBytes)
        poller = try Poller()
    }

    func start() {
        let source = DispatchSource.makeReadSource(fileDescriptor: poller.descriptor, queue: queue)
        // The handler keeps the loop, and with it the descriptor, until the source is cancelled.
        source.setEventHandler { self.handleReady() }
        source.activate()
        queue.sync { self.source = source }
    }

    /// Runs a step on the loop from anywhere else.
    func enter(_ step: @escaping @Sendable () -> Void) {
        queue.async {
            self.now = .now
            step()
        }
    }

    /// Makes a connection of a descriptor; from here on it is the loop's.
    func adopt(_ descriptor: Int32, _ arrival: Arrival) {
        enter {
            let connection = self.connections.insert { token in
                Connection(owning: descriptor, arrival, token: token, loop: self)
            }
            guard self.poller.add(descriptor, .input, token: connection.token.rawValue) else {
                connection.close()
                return
            }
            self.keepTicking()
            // Opening may already read a request and answer it.
            if self.saysClose { connection.sayClose() }
            connection.open(refusing: arrival.refusal)
            if self.isShuttingDown { connection.shutDown() }
        }
    }

    private func handleReady() {
        dispatchPrecondition(condition: .onQueue(queue))
        now = .now
        let end = now + Self.longestTurn
        repeat {
            let count = poller.poll()
            if count == 0 { return }
            for index in 0..<count {
                let (token, readiness) = poller.event(at: index)
                connections[ConnectionTable.Token(rawValue: token)]?.handle(readiness)
            }
            now = .now
        } while now < end
    }

    private func keepTicking() {
        guard !isTicking, !connections.isEmpty else { return }
        isTicking = true
        queue.asyncAfter(deadline: .now() + Self.tick) {
            self.now = .now
            self.isTicking = false
            for connection in self.connections.expired(at: self.now) { connection.tick() }
            self.keepTicking()
        }
    }
}

extension EventLoop {
    /// Lends the read buffer; what `body` gives back is kept for the next one.
    func withReadBuffer(_ body: (inout [UInt8]) -> Void) {
        dispatchPrecondition(condition: .onQueue(queue))
        var buffer: [UInt8] = []
        swap(&buffer, &readBuffer)
        body(&buffer)
        swap(&buffer, &readBuffer)
    }

    func watch(_ connection: Connection, _ descriptor: Int32, for interest: Poller.Readiness) {
        poller.change(descriptor, interest, token: connection.token.rawValue)
    }

    func setDeadline(_ deadline: MonotonicTime, of token: ConnectionTable.Token) {
        connections.setDeadline(deadline, of: token)
    }

    func remove(_ token: ConnectionTable.Token) {
        dispatchPrecondition(condition: .onQueue(queue))
        connections.remove(token)
        connectionClosed()
        if connections.isEmpty { reportEmpty() }
    }

    private func reportEmpty() {
        onEmpty.take()?()
    }

    /// The connections that no request would be lost with, at most so many, those first that are missed the least.
    ///
    /// It looks at all connections: nothing is kept for this while there is room.
    func idleConnections(most: Int) async -> [IdleConnection] {
        await withCheckedContinuation { answer in
            enter {
                let found = self.connections.all.compactMap { connection in
                    connection.idleness.map {
                        IdleConnection(loop: self, token: connection.token, idleness: $0)
                    }
                }
                answer.resume(returning: Array(found.sorted { $0.idleness < $1.idleness }.prefix(most)))
            }
        }
    }

    /// Ends a connection so that there is room for another one.
    ///
    /// - Returns: whether it was still as idle as it was found.
    func end(_ idle: IdleConnection) async -> Bool {
        await withCheckedContinuation { answer in
            enter { answer.resume(returning: self.connections[idle.token]?.giveWay(if: idle.idleness) ?? false) }
        }
    }

    /// From now on each answer ends its connection; new ones are still taken.
    func sayClose() {
        enter {
            self.saysClose = true
            for connection in self.connections.all { connection.sayClose() }
        }
    }

    /// Ends idle connections now and the others after their answers; `onEmpty` is called once none is left.
    func shutDown(onEmpty: @escaping @Sendable () -> Void) {
        enter {
            self.isShuttingDown = true
            self.onEmpty = onEmpty
            for connection in self.connections.all { connection.shutDown() }
            if self.connections.isEmpty { self.reportEmpty() }
        }
    }

    /// Ends all connections, whatever they are doing.
    func closeAll() {
        enter {
            for connection in self.connections.all { connection.close() }
        }
    }

    /// Stops watching; to be called when no connection is left.
    func stop() {
        enter {
            self.source?.cancel()
            self.source = nil
        }
    }
}

/// The connections of one event loop, by slot.
///
/// Deadlines lie side by side, so that looking through all of them costs a microsecond a thousand. A slot's generation
/// tells a connection from one that had the slot before it.
struct ConnectionTable {
    /// A slot and its generation, in one number for the poller.
    struct Token: Hashable {
        let slot: Int
        let generation: UInt32

        var rawValue: UInt64 { UInt64(generation) << 32 | UInt64(UInt32(truncatingIfNeeded: slot)) }

        init(slot: Int, generation: UInt32) {
            self.slot = slot
            self.generation = generation
        }

        init(rawValue: UInt64) {
            slot = Int(UInt32(truncatingIfNeeded: rawValue))
            generation = UInt32(truncatingIfNeeded: rawValue >> 32)
        }
    }

    private var connections: [Connection?] = []
    private var deadlines: [MonotonicTime] = []
    private var generations: [UInt32] = []
    private var freeSlots: [Int] = []

    var count: Int { connections.count - freeSlots.count }
    var isEmpty: Bool { count == 0 }

    /// All connections; a copy, so that they may leave while it is gone through.
    var all: [Connection] { connections.compactMap { $0 } }

    /// Takes a slot for the connection that `make` makes for it.
    mutating func insert(_ make: (Token) -> Connection) -> Connection {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = connections.count
            connections.append(nil)
            deadlines.append(.distantFuture)
            generations.append(0)
        }
        let connection = make(Token(slot: slot, generation: generations[slot]))
        connections[slot] = connection
        return connection
    }

    mutating func remove(_ token: Token) {
        guard self[token] != nil else { return }
        connections[token.slot] = nil
        deadlines[token.slot] = .distantFuture
        generations[token.slot] &+= 1
        freeSlots.append(token.slot)
    }

    subscript(token: Token) -> Connection? {
        guard token.slot < connections.count, generations[token.slot] == token.generation else { return nil }
        return connections[token.slot]
    }

    mutating func setDeadline(_ deadline: MonotonicTime, of token: Token) {
        deadlines[token.slot] = deadline
    }

    /// The connections whose deadline has passed.
    func expired(at now: MonotonicTime) -> [Connection] {
        var expired: [Connection] = []
        for (slot, deadline) in deadlines.enumerated() where deadline <= now {
            if let connection = connections[slot] { expired.append(connection) }
        }
        return expired
    }
}
