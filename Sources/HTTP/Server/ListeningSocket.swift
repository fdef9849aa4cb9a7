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
    private let isPassed: Bool

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
            self.init(listening: socket)
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

    /// Takes over a socket that listens already, and that was passed to this process.
    init(passed socket: consuming Socket) {
        address = Self.address(of: socket.descriptor)
        self.socket = socket
        file = nil
        isPassed = true
    }

    private init(listening socket: consuming Socket, file: consuming UnixSocketFile? = nil) {
        address = Self.address(of: socket.descriptor)
        self.socket = socket
        self.file = file
        isPassed = false
    }

    /// Takes one connection that waits.
    borrowing func accept() -> Accepted {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let descriptor = vigil_accept(socket.descriptor, &storage, &length)
        if descriptor >= 0 { return .connection(descriptor, SocketAddress(storage)) }
        return Self.refusal(errno)
    }

    /// Lets nobody else begin to connect, so that everyone who is connected can still be accepted before the socket is
    /// closed; the kernel resets whoever is not. Where it can't be had, connections go on coming.
    ///
    /// - Returns: how long those who have begun may take to be connected.
    borrowing func endConnecting() -> Duration {
        switch address {
        case .internet:
            // A socket that was passed stays open in whoever has passed it, for the next process.
            guard !isPassed, vigil_drop_handshakes(socket.descriptor) == 0 else { return .zero }
            return Self.roundTrip
        case .unix:
            file?.remove()
            // What is in the queue stays there; accepting fails once that is empty.
            shutdown(socket.descriptor, Int32(SHUT_RD))
            return .zero
        case .passed: return .zero
        }
    }

    /// Enough for a network of machines side by side. A longer one would keep more of those who only now begin waiting for
    /// the second after which they try again.
    private static let roundTrip = Duration.milliseconds(10)

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

/// The file of a Unix socket that this process has made: it is removed when this value ends, unless another is there by
/// then.
struct UnixSocketFile: ~Copyable {
    private let path: String
    private let device: dev_t
    private let inode: ino_t

    /// Takes over the file that `bind` has made; nil if it is gone already.
    init?(path: String) {
        guard let status = Self.status(path) else { return nil }
        self.path = path
        device = status.st_dev
        inode = status.st_ino
    }

    deinit { remove() }

    /// Removes the file, unless it is another one by now.
    borrowing func remove() {
        guard let status = Self.status(path), status.st_dev == device, status.st_ino == inode else { return }
        unlink(path)
    }

    /// What is at a path.
    enum Occupant {
        case nothing
        /// A socket that a process listens on, or that can't be asked.
        case live
        /// A socket that nobody listens on.
        case stale
        case otherFile
    }

    static func occupant(of path: String) -> Occupant {
        guard let status = status(path) else { return .nothing }
        guard status.st_mode & S_IFMT == S_IFSOCK else { return .otherFile }
        guard let (storage, length) = UnixSocketPath.storage(path), let socket = Socket.stream(family: AF_UNIX) else {
            return .live
        }
        var address = storage
        // Sound: a sockaddr_storage may be passed as any sockaddr, with the length that says how much of it counts.
        let outcome = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket.descriptor, $0, length) }
        }
        return outcome != 0 && errno == ECONNREFUSED ? .stale : .live
    }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }
}

/// Why a server could not listen.
public enum ListenError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The host is not an IPv4 or IPv6 address in numbers.
    case invalidHost(String)
    /// The text is none of the forms of an address to listen on.
    case invalidAddress(String)
    /// The path can't be that of a Unix socket.
    case invalidPath(String)
    /// There is a file at the path, and it is no socket.
    case notASocket(path: String)
    /// No socket was passed to this process.
    case nothingPassed
    /// A socket that was passed to this process is not one that connections come in by.
    case unfitPassed(descriptor: Int32)
    /// A system call failed for this address.
    case system(call: String, errno: Int32, address: ListenAddress)
    /// The event loops could not be made.
    case loop(call: String, errno: Int32)
    /// The server was started before.
    case alreadyStarted

    /// One plain sentence.
    public var description: String {
        switch self {
        case .invalidHost(let host):
            "The host to listen on is \"\(host)\", but must be an IPv4 or IPv6 address such as 127.0.0.1."
        case .invalidAddress(let text):
            "The address to listen on is \"\(text.prefix(100))\", but must be such as 127.0.0.1:8080, [::1]:8080, "
                + "unix:/run/vigil.sock or systemd."
        case .invalidPath(let path):
            "A Unix socket can't be at \"\(path.prefix(200))\": expected a path of 1 to \(UnixSocketPath.longest) bytes."
        case .notASocket(let path): "The server can't listen on unix:\(path): a file that is no socket is there."
        case .nothingPassed:
            "The server can't listen on systemd: no socket was passed (LISTEN_FDS and LISTEN_PID of this process)."
        case .unfitPassed(let descriptor):
            "The server can't listen on systemd: descriptor \(descriptor) is not a listening stream socket."
        case .system(let call, let code, let address):
            "The server can't listen on \(address): \(Self.reason(call, code, address))."
        case .loop(let call, let code): "The server can't start: \(call) failed with \"\(Self.text(code))\"."
        case .alreadyStarted: "The server was started before; a server is started once."
        }
    }

    private static func reason(_ call: String, _ code: Int32, _ address: ListenAddress) -> String {
        switch (code, address) {
        case (EADDRINUSE, _): "it is in use"
        case (EADDRNOTAVAIL, _): "no interface of this machine has the address"
        case (EAFNOSUPPORT, _): "this machine does not speak that version of IP"
        case (EACCES, .internet(let internet)) where internet.port < 1024:
            "it is not permitted, as the port is below 1024"
        case (EACCES, _), (EPERM, _): "it is not permitted"
        case (ENOENT, .unix), (ENOTDIR, .unix): "its folder does not exist"
        default: "\(call) failed with \"\(text(code))\""
        }
    }

    private static func text(_ code: Int32) -> String { errnoText(code) }
}
