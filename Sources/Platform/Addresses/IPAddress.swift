/// An IP address as its 128 bits. An IPv4 address has the bits of its IPv4-mapped form (RFC 4291, 2.5.5.2), so that
/// `::ffff:192.0.2.1`, which sockets for both families tell, is the same as `192.0.2.1`.
public struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    /// The first 64 bits.
    package let high: UInt64
    /// The last 64 bits.
    package let low: UInt64
    /// For a link-local address, as a resolver has told it, the interface; otherwise 0.
    package let scope: UInt32

    private static let mappedPrefix: UInt64 = 0xFFFF

    package init(high: UInt64, low: UInt64, scope: UInt32 = 0) {
        self.high = high
        self.low = low
        self.scope = scope
    }

    /// An IPv4 address from its 32 bits.
    package init(four bits: UInt32) {
        self.init(high: 0, low: Self.mappedPrefix << 32 | UInt64(bits))
    }

    /// An address from its 4 or 16 bytes as they come from the network; nil for another number of bytes.
    package init?(networkBytes bytes: some Collection<UInt8>) {
        func number(_ bytes: some Collection<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        switch bytes.count {
        case 4: self.init(four: UInt32(truncatingIfNeeded: number(bytes)))
        case 16: self.init(high: number(bytes.prefix(8)), low: number(bytes.dropFirst(8)))
        default: return nil
        }
    }

    /// Reads an address in numbers as `inet_pton(3)` does, such as `192.0.2.1` or `2001:db8::1`; nil for anything else, such
    /// as brackets, a port, a zone, a name, and the old spellings with fewer parts, octal or hexadecimal digits.
    public init?(_ text: some StringProtocol) {
        // The C functions stop at a NUL, and the longest address has 45 characters.
        guard text.utf8.count < Int(INET6_ADDRSTRLEN), !text.utf8.contains(0) else { return nil }
        let text = String(text)
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(four: UInt32(bigEndian: four.s_addr))
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            self.init(networkBytes: withUnsafeBytes(of: &six) { Array($0) })
        } else {
            return nil
        }
    }

    /// The 32 bits of an IPv4 address, in either form; nil for any other.
    package var four: UInt32? { isIPv4 ? UInt32(truncatingIfNeeded: low) : nil }

    /// Whether it is an IPv4 address, in either form.
    public var isIPv4: Bool { high == 0 && low >> 32 == Self.mappedPrefix }

    /// Whether it is this machine's own: 127.0.0.0/8 or ::1.
    public var isLoopback: Bool { isIPv4 ? low >> 24 & 0xFF == 127 : high == 0 && low == 1 }

    /// As it is written without a port; IPv6 in the short form of RFC 5952.
    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        if isIPv4 {
            var four = in_addr(s_addr: UInt32(truncatingIfNeeded: low).bigEndian)
            inet_ntop(AF_INET, &four, &text, socklen_t(text.count))
        } else {
            var parts = (high.bigEndian, low.bigEndian)
            inet_ntop(AF_INET6, &parts, &text, socklen_t(text.count))
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The address with all but its first `bits` of 128 cleared.
    package func masked(to bits: Int) -> IPAddress {
        func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? .max : ~(.max >> UInt64(bits)) }
        return IPAddress(high: high & mask(bits), low: low & mask(bits - 64))
    }

    /// Whom connections are counted for: an IPv4 address, or the /64 that an IPv6 customer has at least.
    package var share: IPAddress { isIPv4 ? self : masked(to: 64) }
}

/// Addresses as the system's calls have them.
extension IPAddress {
    /// Reads what the kernel or the resolver has filled in; nil for families other than IP.
    package init?(_ address: UnsafePointer<sockaddr>, length: socklen_t) {
        // Sound: the family says which structure it is, and the length that it is all there.
        switch Int32(address.pointee.sa_family) {
        case AF_INET where Int(length) >= MemoryLayout<sockaddr_in>.size:
            let bits = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr
            self.init(four: UInt32(bigEndian: bits))
        case AF_INET6 where Int(length) >= MemoryLayout<sockaddr_in6>.size:
            let whole = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in6.self)
            guard let address = withUnsafeBytes(of: whole.sin6_addr, { IPAddress(networkBytes: $0) }) else {
                return nil
            }
            self.init(high: address.high, low: address.low, scope: whole.sin6_scope_id)
        default: return nil
        }
    }

    /// The family of sockets that speak to it.
    package var family: Int32 { isIPv4 ? AF_INET : AF_INET6 }

    /// The form that the kernel takes and its length.
    package func storage(port: UInt16) -> (sockaddr_storage, socklen_t) {
        var storage = sockaddr_storage()
        // Sound: each structure is written whole into storage that is larger, and as aligned as any of them.
        let length = withUnsafeMutableBytes(of: &storage) { bytes -> Int in
            if let four {
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                address.sin_port = port.bigEndian
                address.sin_addr.s_addr = four.bigEndian
                bytes.storeBytes(of: address, as: sockaddr_in.self)
                return MemoryLayout<sockaddr_in>.size
            }
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_scope_id = scope
            withUnsafeMutableBytes(of: &address.sin6_addr) { bytes in
                bytes.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
                bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            bytes.storeBytes(of: address, as: sockaddr_in6.self)
            return MemoryLayout<sockaddr_in6>.size
        }
        return (storage, socklen_t(length))
    }

    /// Lends the form that the kernel takes.
    package func withSocketAddress<Result>(
        port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        let (storage, length) = storage(port: port)
        // Sound: a sockaddr_storage may be passed as any sockaddr, with the length that says how much of it counts.
        return withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }
}
