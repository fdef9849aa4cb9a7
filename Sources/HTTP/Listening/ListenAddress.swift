import Platform

/// Where a server listens.
public enum ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// An IP address and a port; port 0 takes a free one.
    case internet(SocketAddress)
    /// A Unix socket at a path.
    case unix(path: String)
    /// The sockets that systemd, or whoever else started the process, has passed to it (`sd_listen_fds(3)`).
    case passed

    /// Reads `HOST:PORT`, `[V6]:PORT`, `unix:/path` or `systemd`. HOST is an address in numbers.
    ///
    /// - Throws: `ListenError.invalidAddress`.
    public init(_ text: String) throws(ListenError) {
        if text == "systemd" {
            self = .passed
        } else if let path = text.rest(after: "unix:").map({ String($0) }) {
            guard UnixSocketPath.isUsable(path) else { throw .invalidPath(path) }
            self = .unix(path: path)
        } else {
            guard let address = SocketAddress(parsing: text) else { throw .invalidAddress(text) }
            self = .internet(address)
        }
    }

    /// As it is read.
    public var description: String {
        switch self {
        case .internet(let address): address.description
        case .unix(let path): "unix:\(path)"
        case .passed: "systemd"
        }
    }
}
