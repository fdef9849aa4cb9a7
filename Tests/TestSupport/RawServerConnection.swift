import Platform
import TLS

/// A server's side of a connection: blocking, for a minute at most.
///
/// Sound as `@unchecked Sendable`: the one thread that serves the connection has it.
package final class RawServerConnection: @unchecked Sendable {
    private let descriptor: Int32
    private var session: TLSSession?
    private let note: (ReceivedRequest) -> Void
    private(set) var isReady = true
    private var isOpen = true

    init(_ descriptor: Int32, _ tls: TLSContext?, note: @escaping (ReceivedRequest) -> Void) {
        self.descriptor = descriptor
        self.note = note
        var timeout = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        session = tls?.makeSession(descriptor: descriptor)
        if tls != nil { isReady = session?.handshake() == .done }
    }

    deinit {
        if isOpen { close(descriptor) }
    }

    /// Reads one request and notes it.
    ///
    /// - Returns: whether there was one
    @discardableResult
    package func readRequest() -> Bool {
        var bytes: [UInt8] = []
        while case let piece = read(), !piece.isEmpty {
            bytes += piece
            if let request = ReceivedRequest(bytes) {
                note(request)
                return true
            }
        }
        return false
    }

    /// Reads until the other side has ended.
    package func readToEnd() {
        while !read().isEmpty {}
    }

    /// Sends the text.
    ///
    /// - Returns: whether the other side takes it
    @discardableResult
    package func send(_ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { bytes -> Int in
                guard session != nil else {
                    return Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
                }
                if case .moved(let count) = session?.write(bytes) { return count }
                return -1
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Says that nothing more comes, and waits for the other side to end as well.
    package func finish() {
        _ = session?.sendClose()
        _ = shutdown(descriptor, Int32(SHUT_WR))
        readToEnd()
    }

    /// Ends the connection by a reset.
    package func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close(descriptor)
        isOpen = false
    }

    /// Waits until the other side is heard of, for so long at most.
    package func listen(milliseconds: Int32) {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&entry, 1, milliseconds)
    }

    private func read() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 16_384)
        let count = buffer.withUnsafeMutableBytes { bytes -> Int in
            guard session != nil else { return recv(descriptor, bytes.baseAddress, bytes.count, 0) }
            if case .moved(let count) = session?.read(into: bytes) { return count }
            return -1
        }
        return Array(buffer[..<max(0, count)])
    }
}
