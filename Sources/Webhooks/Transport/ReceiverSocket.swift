import Platform

/// A non-blocking TCP connection to a receiver, closed when it goes out of scope.
struct ReceiverSocket: ~Copyable {
    /// What came of reading or writing.
    enum Outcome: Equatable {
        /// So many bytes; 0 when reading means that the other side has ended.
        case moved(Int)
        case wouldBlock
        case failed(errno: Int32)
    }

    let descriptor: Int32

    private init(owning descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Connects to this very address.
    static func connected(
        to address: NetworkAddress, port: UInt16, by deadline: Deadline
    ) throws(TryError) -> ReceiverSocket {
        func failure(_ code: Int32) -> TryError {
            .broken("the connection to \(address), port \(port), failed: \(String(cString: strerror(code)))")
        }
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.family, kind, 0)
        guard descriptor >= 0 else { throw failure(errno) }
        let socket = ReceiverSocket(owning: descriptor)
        let result = address.withSocketAddress(port: port) { connect(descriptor, $0, $1) }
        if result == 0 { return socket }
        // After a signal the connection goes on being made.
        guard errno == EINPROGRESS || errno == EINTR else { throw failure(errno) }
        try socket.wait(for: POLLOUT, by: deadline, during: .connecting)
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { throw failure(errno) }
        guard code == 0 else { throw failure(code) }
        return socket
    }

    /// Blocks the thread until the socket is ready or broken.
    borrowing func wait(for event: Int32, by deadline: Deadline, during step: TryError.Step) throws(TryError) {
        var entry = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        while true {
            let count = poll(&entry, 1, deadline.milliseconds)
            if count > 0 { return }
            if count == 0 { throw .timedOut(step) }
            guard errno == EINTR else { throw .broken("poll failed: \(String(cString: strerror(errno)))") }
        }
    }

    borrowing func receive(into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        outcome { recv(descriptor, buffer.baseAddress, buffer.count, 0) }
    }

    /// Writes the beginning of `bytes`; a receiver that is gone is an error, never a signal.
    borrowing func transmit(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        outcome { send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
    }

    private borrowing func outcome(_ call: () -> Int) -> Outcome {
        while true {
            let count = call()
            if count >= 0 { return .moved(count) }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            default: return .failed(errno: errno)
            }
        }
    }
}
