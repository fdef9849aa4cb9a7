import Dispatch
import Platform

/// A blocking client that sends and reads raw bytes. It gives up after a minute.
package final class RawClient {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(_ description: String) { self.description = description }
    }

    private var descriptor: Int32

    /// - Parameter receiveBuffer: makes the client's window small, for clients that do not read.
    package convenience init(port: UInt16, receiveBuffer: Int32? = nil) throws {
        try self.init(to: SocketAddress(host: "127.0.0.1", port: port).storage(), receiveBuffer: receiveBuffer)
    }

    /// Connects to what the kernel is told so; nil is no address.
    package init(to target: (sockaddr_storage, socklen_t)?, receiveBuffer: Int32? = nil) throws {
        guard let (storage, length) = target else { throw Failure("no address") }
        descriptor = socket(Int32(storage.ss_family), Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure("socket: \(errno)") }
        // Far beyond any answer: handlers wait for threads that other tests of this process keep busy.
        var timeout = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        if storage.ss_family != sa_family_t(AF_UNIX) {
            var on: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var connecting = storage
        // Sound: a sockaddr_storage is passed as the sockaddr that connect takes, with the length that counts.
        let connected = withUnsafePointer(to: &connecting) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, length) }
        }
        guard connected == 0 else { throw Failure("connect: \(errno)") }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    package func send(_ text: String) throws { try send(Array(text.utf8)) }

    package func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Failure("send: \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    package func endSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// Ends the connection by a reset.
    package func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close(descriptor)
        descriptor = -1
    }

    /// Reads until what has come ends with, or contains, `mark`.
    package func read(until mark: String) throws -> String {
        var text = ""
        while !text.contains(mark) {
            let piece = try readPiece()
            if piece.isEmpty { throw Failure("the connection ended after \(text)") }
            text += String(decoding: piece, as: UTF8.self)
        }
        return text
    }

    /// Reads until the server ends the connection; a reset is a failure.
    package func readToEnd() throws -> String {
        var bytes: [UInt8] = []
        while true {
            let piece = try readPiece()
            if piece.isEmpty { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece
        }
    }

    /// Sends everything, and between whiles reads what comes, in steps of at most so many bytes, until the server ends
    /// the connection. Neither waits for the other, as in a client that pipelines.
    ///
    /// - Parameter endsSending: whether our side ends once all of it is sent.
    package func converse(_ bytes: [UInt8], endsSending: Bool = false, step: () -> Int) throws -> String {
        var rest = bytes[...]
        var answer: [UInt8] = []
        while true {
            let wanted = Int16(POLLIN) | (rest.isEmpty ? 0 : Int16(POLLOUT))
            var state = pollfd(fd: descriptor, events: wanted, revents: 0)
            guard poll(&state, 1, 60_000) > 0 else {
                throw Failure("silence after \(answer.count) bytes, \(rest.count) are not sent")
            }
            if state.revents & Int16(POLLOUT) != 0, !rest.isEmpty {
                let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
                let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, flags) }
                guard count > 0 || errno == EAGAIN else { throw Failure("send: \(errno)") }
                rest = rest.dropFirst(max(0, count))
                if rest.isEmpty, endsSending { endSending() }
            }
            guard state.revents & ~Int16(POLLOUT) != 0 else { continue }
            let piece = try readPiece(upTo: step())
            if piece.isEmpty { return String(decoding: answer, as: UTF8.self) }
            answer += piece
        }
    }

    /// What has come, up to so many bytes; nothing at the end.
    package func readPiece(upTo most: Int = 65536) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: most)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count >= 0 else { throw Failure("recv: \(errno)") }
        return Array(buffer[..<count])
    }
}

/// Runs what blocks on a thread that Swift's tasks do not need.
package func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue(label: "test.client").async {
            continuation.resume(with: Result { try body() })
        }
    }
}
