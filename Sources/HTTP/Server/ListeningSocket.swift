import CLinux

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Why a server could not listen.
public enum ListenError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The host is not an IPv4 or IPv6 address in numbers.
    case invalidHost(String)
    /// A system call failed.
    case system(call: String, errno: Int32, address: SocketAddress)
    /// The server was started before.
    case alreadyStarted

    /// One plain sentence.
    public var description: String {
        switch self {
        case .invalidHost(let host):
            "The host to listen on is \"\(host)\", but must be an IPv4 or IPv6 address such as 127.0.0.1."
        case .system(let call, let code, let address):
            "The server can't listen on \(address): \(call) failed with \"\(String(cString: strerror(code)))\"."
        case .alreadyStarted: "The server was started before; a server is started once."
        }
    }
}

/// A socket that connections come in by.
struct ListeningSocket: ~Copyable {
    /// What came of accepting.
    enum Accepted {
        case connection(Int32, SocketAddress)
        /// The one that was waiting is gone, or was never whole; the next may be fine.
        case again
        case nothing
        /// Descriptors or memory have run out; accepting must pause.
        case exhausted(errno: Int32)
    }

    let socket: Socket
    let address: SocketAddress

    /// Binds and listens.
    init(_ wanted: SocketAddress, backlog: Int) throws(ListenError) {
        guard let (storage, length) = wanted.storage() else { throw .invalidHost(wanted.host) }
        func failure(_ call: String) -> ListenError { .system(call: call, errno: errno, address: wanted) }
        guard let socket = Socket.stream(family: Int32(storage.ss_family)) else { throw failure("socket") }
        let descriptor = socket.descriptor
        socket.setOption(SOL_SOCKET, SO_REUSEADDR)
        var bound = storage
        var boundLength = length
        // Sound: a sockaddr_storage may be passed as any sockaddr, with the length that says how much of it counts.
        let failedCall = withUnsafeMutablePointer(to: &bound) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> String? in
                if bind(descriptor, address, length) != 0 { return "bind" }
                if listen(descriptor, Int32(clamping: backlog)) != 0 { return "listen" }
                return getsockname(descriptor, address, &boundLength) == 0 ? nil : "getsockname"
            }
        }
        if let failedCall { throw failure(failedCall) }
        self.socket = socket
        address = SocketAddress(bound)
    }

    /// Takes one connection that waits.
    borrowing func accept() -> Accepted {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let descriptor = vigil_accept(socket.descriptor, &storage, &length)
        if descriptor >= 0 { return .connection(descriptor, SocketAddress(storage)) }
        switch errno {
        case EAGAIN: return .nothing
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted(errno: errno)
        default: return .again
        }
    }
}
