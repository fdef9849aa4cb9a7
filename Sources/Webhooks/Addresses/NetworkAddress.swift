import Platform

/// An IP address, as a name was resolved to it.
public enum NetworkAddress: Sendable, Hashable, CustomStringConvertible {
    /// The 32 bits of an IPv4 address.
    case four(UInt32)
    /// The 128 bits of an IPv6 address, and for a link-local one the interface.
    case six(high: UInt64, low: UInt64, scope: UInt32 = 0)

    /// Reads an address in numbers as `inet_pton(3)` does, such as `192.0.2.1` or `2001:db8::1`; nil for anything else,
    /// the old spellings with fewer parts, octal or hexadecimal digits among it.
    public init?(_ text: some StringProtocol) {
        // The C functions stop at a NUL, and the longest address has 45 characters.
        guard text.utf8.count < Int(INET6_ADDRSTRLEN), !text.utf8.contains(0) else { return nil }
        let text = String(text)
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self = .four(UInt32(bigEndian: four.s_addr))
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            self.init(six, scope: 0)
        } else {
            return nil
        }
    }

    /// In numbers; IPv6 in the short form of RFC 5952.
    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        switch self {
        case .four(let bits):
            var four = in_addr(s_addr: bits.bigEndian)
            inet_ntop(AF_INET, &four, &text, socklen_t(text.count))
        case .six(let high, let low, _):
            var halves = (high.bigEndian, low.bigEndian)
            inet_ntop(AF_INET6, &halves, &text, socklen_t(text.count))
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private init(_ address: in6_addr, scope: UInt32) {
        let bytes = withUnsafeBytes(of: address) { Array($0) }
        func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        self = .six(high: number(bytes[..<8]), low: number(bytes[8...]), scope: scope)
    }
}

extension NetworkAddress {
    /// Reads what the resolver has found; nil for families other than IP.
    init?(_ address: UnsafePointer<sockaddr>, length: socklen_t) {
        // Sound: the family says which structure it is, and the length that it is all there.
        switch Int32(address.pointee.sa_family) {
        case AF_INET where Int(length) >= MemoryLayout<sockaddr_in>.size:
            let bits = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr
            self = .four(UInt32(bigEndian: bits))
        case AF_INET6 where Int(length) >= MemoryLayout<sockaddr_in6>.size:
            let whole = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in6.self)
            self.init(whole.sin6_addr, scope: whole.sin6_scope_id)
        default: return nil
        }
    }

    var family: Int32 {
        switch self {
        case .four: AF_INET
        case .six: AF_INET6
        }
    }

    /// Lends the form that the kernel takes.
    func withSocketAddress<Result>(port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        // Sound: each structure begins with the family as a sockaddr does, and its length is passed beside it.
        func lend<Structure>(_ structure: Structure) -> Result {
            withUnsafePointer(to: structure) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<Structure>.size))
                }
            }
        }
        switch self {
        case .four(let bits):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = bits.bigEndian
            return lend(address)
        case .six(let high, let low, let scope):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_scope_id = scope
            withUnsafeMutableBytes(of: &address.sin6_addr) { bytes in
                bytes.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
                bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            return lend(address)
        }
    }
}
