#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// An IP address and a port.
public struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// The address in numbers, such as `127.0.0.1` or `::1`.
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

    /// As in URLs: an IPv6 address stands in brackets.
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension SocketAddress {
    /// Reads what the kernel has filled in.
    init(_ storage: sockaddr_storage) {
        var storage = storage
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = Int32(storage.ss_family)
        // Sound: sockaddr_storage is as large and aligned as any address, and the family says which one it holds.
        let port = withUnsafePointer(to: &storage) { pointer -> UInt16 in
            if family == AF_INET {
                return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
                    var bits = address.pointee.sin_addr
                    inet_ntop(AF_INET, &bits, &text, socklen_t(text.count))
                    return UInt16(bigEndian: address.pointee.sin_port)
                }
            }
            return pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
                var bits = address.pointee.sin6_addr
                inet_ntop(AF_INET6, &bits, &text, socklen_t(text.count))
                return UInt16(bigEndian: address.pointee.sin6_port)
            }
        }
        let host = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.init(host: host, port: port)
    }

    /// The host of an IPv4 address, also of one that is mapped into IPv6; of an IPv6 address the first 64 bits.
    var subscriber: String {
        guard host.contains(":") else { return host }
        var six = in6_addr()
        guard inet_pton(AF_INET6, host, &six) == 1 else { return host }
        let bytes = withUnsafeBytes(of: six) { Array($0) }
        if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
            return bytes[12...].map(String.init).joined(separator: ".")
        }
        let groups = stride(from: 0, to: 8, by: 2).map { index in
            String(Int(bytes[index]) << 8 | Int(bytes[index + 1]), radix: 16)
        }
        return groups.joined(separator: ":") + "::/64"
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
