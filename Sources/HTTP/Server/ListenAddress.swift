import Platform

/// Where a server listens.
public enum ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// An IP address and a port; port 0 takes a free one.
    case internet(SocketAddress)
    /// A Unix socket at a path.
    case unix(path: String)
    /// The sockets that systemd, or whoever else started the process, has passed to it (`sd_listen_fds(3)`).
    case passed

    /// Reads `HOST:PORT`, `[V6]:PORT`, `unix:/path` or `systemd`. HOST is an address in numbers.
    ///
    /// - Throws: `ListenError.invalidAddress`.
    public init(_ text: String) throws(ListenError) {
        if text == "systemd" {
            self = .passed
        } else if let path = text.rest(after: "unix:").map({ String($0) }) {
            guard UnixSocketPath.isUsable(path) else { throw .invalidPath(path) }
            self = .unix(path: path)
        } else {
            guard let address = SocketAddress(parsing: text) else { throw .invalidAddress(text) }
            self = .internet(address)
        }
    }

    /// As it is read.
    public var description: String {
        switch self {
        case .internet(let address): address.description
        case .unix(let path): "unix:\(path)"
        case .passed: "systemd"
        }
    }
}

/// Sockets that whoever started this process has passed to it, as systemd does: `LISTEN_FDS` of them from descriptor 3
/// on, if `LISTEN_PID` is this process.
public enum PassedSockets {
    private static let first: Int32 = 3
    private static let most = 64

    /// How many there are, 0 where the variables are absent, malformed or for another process.
    public static var count: Int { count(environment: { getenv($0).map { String(cString: $0) } }, process: getpid()) }

    /// Whether all of them are Unix sockets or bound to addresses of loopback. To be asked before they are taken.
    static var areOfThisMachineAlone: Bool {
        (0..<Int32(count)).allSatisfy { index in
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            // Sound: sockaddr_storage is as large and aligned as any address.
            let status = withUnsafeMutablePointer(to: &storage) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(first + index, $0, &length) }
            }
            guard status == 0 else { return false }
            let address = SocketAddress(storage)
            return address == .unix || address.ip?.isLoopback == true
        }
    }

    static func count(environment: (String) -> String?, process: pid_t) -> Int {
        guard let owner = environment("LISTEN_PID"), pid_t(owner) == process,
            let count = environment("LISTEN_FDS").flatMap(Int.init), (1...most).contains(count)
        else { return 0 }
        return count
    }

    /// Takes them over, non-blocking and closed on exec, and removes the variables, so that no other process of ours
    /// takes them for its own.
    static func take() throws(ListenError) -> [Int32] {
        let count = count
        guard count > 0 else { throw .nothingPassed }
        for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsetenv(name) }
        let descriptors = (0..<Int32(count)).map { first + $0 }
        for descriptor in descriptors {
            guard isListening(descriptor), setFlags(descriptor) else { throw .unfitPassed(descriptor: descriptor) }
        }
        return descriptors
    }

    private static func isListening(_ descriptor: Int32) -> Bool {
        option(descriptor, SO_TYPE) == Int32(SOCK_STREAM.rawValue) && option(descriptor, SO_ACCEPTCONN) == 1
    }

    private static func option(_ descriptor: Int32, _ name: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }

    private static func setFlags(_ descriptor: Int32) -> Bool {
        let status = fcntl(descriptor, F_GETFL)
        return status >= 0 && fcntl(descriptor, F_SETFL, status | O_NONBLOCK) == 0
            && fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0
    }
}
