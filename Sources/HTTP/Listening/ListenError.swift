import Platform

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
