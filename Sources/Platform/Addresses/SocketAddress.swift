/// An IP address and a port, or a Unix socket.
public struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// The address in numbers, such as `127.0.0.1` or `::1`; `unix` for whoever came by a Unix socket.
    public let host: String
    /// The port.
    public let port: UInt16

    /// An address from its parts.
    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Where there is no address to tell.
    public static let unknown = SocketAddress(host: "unknown", port: 0)
    /// The other end of a Unix socket, which has no address of its own.
    public static let unix = SocketAddress(host: "unix", port: 0)

    /// The IP address; nil for `unknown` and `unix`.
    public var ip: IPAddress? { IPAddress(host) }

    /// Whether it is on this machine, as far as its address tells; false for `unknown` and `unix`.
    public var isLoopback: Bool {
        // Asked for each request of health, and then mostly this.
        host == "127.0.0.1" || ip?.isLoopback == true
    }

    /// Whom requests from here count for: an IPv4 address, or the first 64 bits of an IPv6 one.
    package var subscriber: String {
        // Asked for each request: an IPv4 address has one form in numbers, which it stands in already.
        let isIPv6 = host.utf8.withContiguousStorageIfAvailable { $0.contains(ASCII.colon) } ?? true
        guard isIPv6, let ip else { return host }
        return ip.isIPv4 ? "\(ip)" : "\(ip.share)/64"
    }

    /// As in URLs: an IPv6 address stands in brackets.
    public var description: String {
        if self == .unix || self == .unknown { return host }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

extension SocketAddress {
    /// Reads `HOST:PORT` or `[V6]:PORT`, both in numbers.
    package init?(parsing text: String) {
        guard let colon = text.utf8.lastIndex(of: ASCII.colon) else { return nil }
        let portText = text[text.index(after: colon)...]
        guard (1...5).contains(portText.utf8.count), portText.utf8.allSatisfy(ASCII.isDigit),
            let port = UInt16(portText)
        else { return nil }
        var host = text[..<colon]
        let isBracketed = host.begins(with: "[") && host.ends(with: "]") && host.utf8.count > 2
        if isBracketed { host = host.dropFirst().dropLast() }
        guard let ip = IPAddress(host), isBracketed == host.utf8.contains(ASCII.colon) else { return nil }
        self.init(ip, port: port)
    }

    package init(_ ip: IPAddress, port: UInt16) {
        self.init(host: ip.description, port: port)
    }

    /// Reads what the kernel has filled in.
    package init(_ storage: sockaddr_storage) {
        let family = Int32(storage.ss_family)
        guard family == AF_INET || family == AF_INET6 else {
            self = family == AF_UNIX ? .unix : .unknown
            return
        }
        // Sound: sockaddr_storage is as large and aligned as any address, and the family says which one it holds.
        let ip = withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                IPAddress($0, length: socklen_t(MemoryLayout<sockaddr_storage>.size))
            }
        }
        // Both structures have the port at the same place.
        let port = withUnsafeBytes(of: storage) {
            UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        }
        self = ip.map { SocketAddress($0, port: port) } ?? .unknown
    }

    /// The form that the kernel takes and its length; nil where the host is no address in numbers.
    package func storage() -> (sockaddr_storage, socklen_t)? { ip?.storage(port: port) }
}
