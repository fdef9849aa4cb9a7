import Platform

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
