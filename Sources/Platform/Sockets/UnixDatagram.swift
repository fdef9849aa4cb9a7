/// Single messages to a Unix socket that somebody else has.
package enum UnixDatagram {
    /// Sends `bytes` as one message, without waiting for room.
    ///
    /// - Parameter place: a path, or `@NAME` for a name in the kernel
    /// - Returns: whether it was taken; if not, errno says why
    @discardableResult
    package static func send(_ bytes: [UInt8], to place: String) -> Bool {
        guard let (storage, length) = UnixSocketPath.storage(pathOrName: place) else {
            errno = EINVAL
            return false
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        let socket = Socket(owning: descriptor)
        let options = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        var address = storage
        // Sound: a sockaddr_storage may be passed as any sockaddr, with the length that says how much of it counts.
        let sent = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(socket.descriptor, bytes, bytes.count, options, $0, length)
            }
        }
        return sent == bytes.count
    }
}
