import CLinux
import Platform

/// A socket that connections come in by.
struct ListeningSocket: ~Copyable {
    /// What came of accepting.
    enum Accepted {
        case connection(Int32, SocketAddress)
        /// The one that was waiting is gone, or was never whole; the next may be fine.
        case again
        case nothing
        /// Descriptors or memory have run out, or the socket has failed; accepting must pause.
        case exhausted(errno: Int32)
    }

    let socket: Socket
    let address: ListenAddress
    /// The file of a Unix socket, to be removed with it.
    private let file: UnixSocketFile?

    /// Binds and listens.
    ///
    /// - Parameters:
    ///   - backlog: how many connections the kernel keeps that were not accepted yet.
    ///   - mode: the permissions of a Unix socket's file.
    init(_ wanted: ListenAddress, backlog: Int, mode: UInt32) throws(ListenError) {
        switch wanted {
        case .internet(let address):
            guard let (storage, length) = address.storage() else { throw .invalidHost(address.host) }
            let socket = try Self.bound(storage, length, for: wanted)
            try Self.open(socket, backlog, for: wanted)
            self.init(listening: socket, file: nil)
        case .unix(let path):
            guard let (storage, length) = UnixSocketPath.storage(path) else { throw .invalidPath(path) }
            try Self.makeRoom(at: path)
            let socket = try Self.bound(storage, length, for: wanted)
            let file = UnixSocketFile(path: path)
            // Before it listens, so that nobody connects whom the mode keeps out.
            guard chmod(path, mode) == 0 else { throw .system(call: "chmod", errno: errno, address: wanted) }
            try Self.open(socket, backlog, for: wanted)
            self.init(listening: socket, file: file)
        case .passed: throw .nothingPassed
        }
    }

    /// Takes over a socket that listens already.
    init(listening socket: consuming Socket, file: consuming UnixSocketFile?) {
        address = Self.address(of: socket.descriptor)
        self.socket = socket
        self.file = file
    }

    /// Takes one connection that waits.
    borrowing func accept() -> Accepted {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let descriptor = vigil_accept(socket.descriptor, &storage, &length)
        if descriptor >= 0 { return .connection(descriptor, SocketAddress(storage)) }
        return Self.refusal(errno)
    }

    /// What an error of `accept` means. Those of the connection that was taken concern that connection alone
    /// (accept(2)); whatever is not known to pass by itself would only come again at once.
    static func refusal(_ code: Int32) -> Accepted {
        switch code {
        case EAGAIN: .nothing
        case EINTR, ECONNABORTED, EPROTO, ENOPROTOOPT, ENETDOWN, EHOSTDOWN, ENONET, EHOSTUNREACH, ENETUNREACH, EPERM,
            ETIMEDOUT:
            .again
        default: .exhausted(errno: code)
        }
    }
}

extension ListeningSocket {
    private static func bound(
        _ storage: sockaddr_storage, _ length: socklen_t, for wanted: ListenAddress
    ) throws(ListenError) -> Socket {
        func failure(_ call: String) -> ListenError { .system(call: call, errno: errno, address: wanted) }
        guard let socket = Socket.stream(family: Int32(storage.ss_family)) else { throw failure("socket") }
        let descriptor = socket.descriptor
        if storage.ss_family == sa_family_t(AF_INET6) {
            // [::] is IPv6 alone, so that it can stand beside 0.0.0.0 and means the same on every machine.
            socket.setOption(Int32(IPPROTO_IPV6), IPV6_V6ONLY)
        }
        if storage.ss_family != sa_family_t(AF_UNIX) { socket.setOption(SOL_SOCKET, SO_REUSEADDR) }
        var address = storage
        // Sound: a sockaddr_storage may be passed as any sockaddr, with the length that says how much of it counts.
        let outcome = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        guard outcome == 0 else { throw failure("bind") }
        return socket
    }

    private static func open(
        _ socket: borrowing Socket, _ backlog: Int, for wanted: ListenAddress
    ) throws(ListenError) {
        guard listen(socket.descriptor, Int32(clamping: backlog)) == 0 else {
            throw .system(call: "listen", errno: errno, address: wanted)
        }
    }

    /// Removes a socket's file that its process has left behind; any other file stays, and is an error.
    private static func makeRoom(at path: String) throws(ListenError) {
        switch UnixSocketFile.occupant(of: path) {
        case .nothing: break
        case .otherFile: throw .notASocket(path: path)
        case .live: throw .system(call: "bind", errno: EADDRINUSE, address: .unix(path: path))
        case .stale:
            guard unlink(path) == 0 else {
                throw .system(call: "unlink", errno: errno, address: .unix(path: path))
            }
        }
    }

    /// What a socket is bound to, with the port that was found where 0 was asked for.
    private static func address(of descriptor: Int32) -> ListenAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        // Sound: as above.
        let outcome = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard outcome == 0 else { return .internet(.unknown) }
        guard storage.ss_family == sa_family_t(AF_UNIX) else { return .internet(SocketAddress(storage)) }
        // Sound: the family says that a sockaddr_un is there, whose path ends at the first NUL or at its end.
        let path = withUnsafePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr_un.self, capacity: 1) { address in
                withUnsafeBytes(of: address.pointee.sun_path) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
            }
        }
        return .unix(path: path)
    }
}
