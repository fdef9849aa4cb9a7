import Platform

/// Whom a request counts for: in rate limits, in shares of the queue, in logs.
public enum ClientIdentity: Sendable, Hashable, CustomStringConvertible {
    /// The bearer of the API key of this name.
    case key(String)
    /// Whoever is at this address: an IPv4 address, or the first 64 bits of an IPv6 one, since that is what one
    /// subscriber has.
    case address(String)

    /// `key alice` or `192.0.2.7`; no secret is in it.
    public var description: String {
        switch self {
        case .key(let name): "key \(name)"
        case .address(let address): address
        }
    }
}

extension ClientIdentity {
    /// Who is at the other end of a connection.
    public init(_ address: SocketAddress) {
        self = .address(address.subscriber)
    }
}
