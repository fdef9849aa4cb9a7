import Synchronization

/// Numbers of a server since it was started.
public struct ServerStatistics: Sendable, Equatable {
    /// Connections that are open now.
    public var openConnections = 0
    /// Connections that were accepted.
    public var acceptedConnections = 0
    /// Connections that were answered with 503 because there were too many.
    public var refusedConnections = 0
    /// Requests that a handler was started for.
    public var startedRequests = 0
}

/// The counters behind `ServerStatistics`; each is exact, though they are not read at the same instant.
final class ServerCounters: Sendable {
    let open = Atomic<Int>(0)
    let accepted = Atomic<Int>(0)
    let refused = Atomic<Int>(0)
    let started = Atomic<Int>(0)

    var statistics: ServerStatistics {
        ServerStatistics(
            openConnections: open.load(ordering: .relaxed), acceptedConnections: accepted.load(ordering: .relaxed),
            refusedConnections: refused.load(ordering: .relaxed), startedRequests: started.load(ordering: .relaxed))
    }
}
