import Platform

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

    /// Whom requests from here count for: an IPv4 address, or the first 64 bits of an IPv6 one.
    var subscriber: String {
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
    init?(parsing text: String) {
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

    init(_ ip: IPAddress, port: UInt16) {
        self.init(host: ip.description, port: port)
    }

    /// Reads what the kernel has filled in.
    init(_ storage: sockaddr_storage) {
        var storage = storage
        let family = Int32(storage.ss_family)
        // Sound: sockaddr_storage is as large and aligned as any address, and the family says which one it holds.
        self = withUnsafePointer(to: &storage) { pointer -> SocketAddress in
            switch family {
            case AF_INET:
                pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
                    let ip = IPAddress(four: UInt32(bigEndian: address.pointee.sin_addr.s_addr))
                    return SocketAddress(ip, port: UInt16(bigEndian: address.pointee.sin_port))
                }
            case AF_INET6:
                pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
                    let ip = withUnsafeBytes(of: address.pointee.sin6_addr) { IPAddress(networkBytes: $0) }
                    return ip.map { SocketAddress($0, port: UInt16(bigEndian: address.pointee.sin6_port)) } ?? .unknown
                }
            case AF_UNIX: .unix
            default: .unknown
            }
        }
    }

    /// The form that the kernel takes and its length; nil where the host is no address in numbers.
    func storage() -> (sockaddr_storage, socklen_t)? {
        var storage = sockaddr_storage()
        // Sound: as above; each structure is written whole into storage that is larger.
        return withUnsafeMutablePointer(to: &storage) { pointer -> socklen_t? in
            var four = in_addr()
            if inet_pton(AF_INET, host, &four) == 1 {
                pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    $0.pointee.sin_family = sa_family_t(AF_INET)
                    $0.pointee.sin_port = port.bigEndian
                    $0.pointee.sin_addr = four
                }
                return socklen_t(MemoryLayout<sockaddr_in>.size)
            }
            var six = in6_addr()
            guard inet_pton(AF_INET6, host, &six) == 1 else { return nil }
            pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                $0.pointee.sin6_family = sa_family_t(AF_INET6)
                $0.pointee.sin6_port = port.bigEndian
                $0.pointee.sin6_addr = six
            }
            return socklen_t(MemoryLayout<sockaddr_in6>.size)
        }.map { (storage, $0) }
    }
}
