import Platform

/// How idle a connection is that has no request under way. The lesser one is missed less.
struct Idleness: Comparable {
    /// Whether something has begun that could become a request: a part of a head, or what comes before the first one.
    let hasBegun: Bool
    let since: MonotonicTime

    static func < (left: Idleness, right: Idleness) -> Bool {
        left.hasBegun == right.hasBegun ? left.since < right.since : !left.hasBegun
    }
}

/// A connection that was found idle.
struct IdleConnection: Sendable {
    let loop: EventLoop
    let token: ConnectionTable.Token
    let idleness: Idleness
}

extension ConnectionState {
    /// Nil while a request or an answer is under way, or the end of the connection is.
    var idleness: Idleness? {
        guard output.isEmpty else { return nil }
        switch phase {
        case .proxyHeader, .handshake: return Idleness(hasBegun: true, since: idleSince)
        case .head: return Idleness(hasBegun: headClock != nil, since: headClock ?? idleSince)
        case .exchange, .closing, .lingering, .closed: return nil
        }
    }
}
