import Platform

/// Finds the addresses of a host.
public protocol HostResolver: Sendable {
    /// All addresses, the preferred ones first. It may block: it is called on a thread that may.
    func addresses(of host: String) throws(ResolutionError) -> [IPAddress]
}

/// Why a host's addresses are not known.
public struct ResolutionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The reason, to stand after the host's name.
    public let description: String

    /// An error from its reason.
    public init(_ description: String) { self.description = description }
}

/// The system's way to resolve names: hosts file and DNS, as `getaddrinfo(3)` is set up.
public struct SystemResolver: HostResolver {
    /// The system's way.
    public init() {}

    /// All addresses, the preferred ones first; blocks as long as name servers take.
    public func addresses(of host: String) throws(ResolutionError) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &found)
        defer { if let found { freeaddrinfo(found) } }
        guard code == 0 else {
            throw ResolutionError(
                code == EAI_SYSTEM ? String(cString: strerror(errno)) : String(cString: gai_strerror(code)))
        }
        var addresses: [IPAddress] = []
        var next = found
        // Sound: the list is getaddrinfo's, read before it is freed.
        while let entry = next?.pointee {
            if let address = entry.ai_addr.flatMap({ IPAddress($0, length: entry.ai_addrlen) }),
                !addresses.contains(address)
            {
                addresses.append(address)
            }
            next = entry.ai_next
        }
        return addresses
    }
}
