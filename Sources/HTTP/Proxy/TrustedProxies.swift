import Platform

/// The proxies that may say for whom they speak.
///
/// What others say about that is never looked at, since anybody can write it.
public struct TrustedProxies: Sendable, Equatable {
    /// Where they are.
    public var ranges: [AddressRange]
    /// Whether who comes by a Unix socket is one.
    public var includesUnixSockets: Bool
    /// Whether each of their connections begins with a PROXY header.
    public var expectsProxyHeader: Bool

    /// By default there are none.
    public init(ranges: [AddressRange] = [], includesUnixSockets: Bool = false, expectsProxyHeader: Bool = false) {
        self.ranges = ranges
        self.includesUnixSockets = includesUnixSockets
        self.expectsProxyHeader = expectsProxyHeader
    }

    /// Whether there are none.
    public var isEmpty: Bool { ranges.isEmpty && !includesUnixSockets }

    /// Whether a proxy is at this address.
    public func contains(_ address: SocketAddress) -> Bool {
        guard !isEmpty else { return false }
        if address == .unix { return includesUnixSockets }
        guard !ranges.isEmpty, let ip = address.ip else { return false }
        return ranges.contains { $0.contains(ip) }
    }

    /// For whom a request was sent: hop by hop from the nearest one, for as long as a trusted proxy says who came to it.
    ///
    /// Of `Forwarded` and `X-Forwarded-For` a proxy writes one, and may pass on the other as the client wrote it. So where
    /// both are there and differ, neither is believed.
    ///
    /// Who came to a proxy on this machine that does not say so is unknown, and not the proxy: this machine's own clients
    /// have rights that others have not.
    func client(of fields: HeaderFields, from nearest: SocketAddress) -> SocketAddress {
        guard contains(nearest) else { return nearest }
        let forwarded = fields.values(for: .forwarded)
        let forwardedFor = fields.values(for: .xForwardedFor)
        let client = client(forwarded, forwardedFor, from: nearest)
        let isHere = client == .unix || client.ip?.isLoopback == true
        return client == nearest && isHere && !(forwarded.isEmpty && forwardedFor.isEmpty) ? .unknown : client
    }

    private func client(
        _ forwarded: [String], _ forwardedFor: [String], from nearest: SocketAddress
    ) -> SocketAddress {
        guard !forwarded.isEmpty else { return client(from: nearest, hops: ForwardedHops.list(in: forwardedFor)) }
        let client = client(from: nearest, hops: ForwardedHops.elements(in: forwarded))
        guard !forwardedFor.isEmpty else { return client }
        let other = self.client(from: nearest, hops: ForwardedHops.list(in: forwardedFor))
        return other.host == client.host ? client : nearest
    }

    private func client(from nearest: SocketAddress, hops: [ForwardedHop]) -> SocketAddress {
        var client = nearest
        for hop in hops.reversed() {
            guard contains(client), case .address(let address) = hop else { break }
            client = address
        }
        return client
    }
}
