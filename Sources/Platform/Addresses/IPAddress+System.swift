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
