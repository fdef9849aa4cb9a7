import Platform

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
