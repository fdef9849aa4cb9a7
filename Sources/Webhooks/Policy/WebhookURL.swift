import Platform

/// Where a client wants to be told that its job has ended.
///
/// Its description is what may stand in logs: many receivers keep a token in path or query.
public struct WebhookURL: Sendable, Hashable, CustomStringConvertible {
    /// How the receiver is spoken to.
    public enum Scheme: String, Sendable {
        case http, https

        var defaultPort: UInt16 { self == .http ? 80 : 443 }
    }

    /// Whom the URL names.
    public enum Host: Sendable, Hashable, CustomStringConvertible {
        /// A name in small letters.
        case name(String)
        /// An address in numbers.
        case address(IPAddress)

        /// As in URLs: an IPv6 address stands in brackets.
        public var description: String {
            switch self {
            case .name(let name): name
            case .address(let address): address.isIPv4 ? "\(address)" : "[\(address)]"
            }
        }
    }

    /// More is refused.
    public static let maxBytes = 2048

    /// `http` or `https`.
    public let scheme: Scheme
    /// A name, or an address in numbers.
    public let host: Host
    /// The port, which is the scheme's where none was written.
    public let port: UInt16
    /// Path and query, as they are sent.
    public let target: String

    init(scheme: Scheme, host: Host, port: UInt16, target: String) {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.target = target
    }

    /// Host and port as they stand in a Host field, the port only where it is not the scheme's own.
    var authority: String { port == scheme.defaultPort ? "\(host)" : "\(host):\(port)" }

    /// The whole URL; reads back as the same.
    public var text: String { "\(scheme)://\(authority)\(target)" }

    /// Scheme, host and port alone.
    public var description: String { "\(scheme)://\(authority)" }
}
