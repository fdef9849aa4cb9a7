import Platform

/// One connection to a server, which blocks: a request, then its answer. It is kept open, and opened again where the
/// server has ended it.
final class HTTPClient {
    /// The longest that nothing may come or go; beyond the minute that the server is asked to wait for a job.
    private static let silence = 90

    let server: ServerURL
    private let address: sockaddr_storage
    private let length: socklen_t
    private var descriptor: Int32 = -1
    private var reader = AnswerReader()

    /// Looks the host up; connects with the first request.
    init(_ server: ServerURL) throws(ClientError) {
        self.server = server
        (address, length) = try server.resolve()
    }

    deinit { disconnect() }

    /// A request as it is sent.
    static func message(
        _ method: String, _ path: String, to server: ServerURL, fields: [(name: String, value: String)] = [],
        body: [UInt8] = []
    ) -> [UInt8] {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: \(server.authority)\r\n"
        for field in fields { head += "\(field.name): \(field.value)\r\n" }
        if method == "POST" { head += "Content-Length: \(body.count)\r\n" }
        return Array(head.utf8) + Array("\r\n".utf8) + body
    }

    /// Sends a request and reads its answer.
    func exchange(_ message: [UInt8]) throws(ClientError) -> Answer {
        if descriptor >= 0, serverHasEnded { disconnect() }
        if descriptor < 0 { try connect() }
        do throws(ClientError) {
            // A server may refuse before it has read everything, and end the connection: then its answer is there.
            let problem = send(message)
            let answer: Answer
            do throws(ClientError) { answer = try receive() } catch { throw problem ?? error }
            if answer.closes || problem != nil { disconnect() }
            return answer
        } catch {
            disconnect()
            throw error
        }
    }

    /// The system's words for an error code.
    static func reason(_ code: Int32) -> String {
        code == EAGAIN ? "nothing came for \(silence) seconds" : String(cString: strerror(code))
    }

    private func connect() throws(ClientError) {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        descriptor = socket(Int32(address.ss_family), kind, 0)
        guard descriptor >= 0 else { throw .unreachable(Self.reason(errno)) }
        var timeout = timeval(tv_sec: Self.silence, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = address
        // Sound: a sockaddr_storage may be passed as any sockaddr, with the length that says how much of it counts.
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, length) }
        }
        guard result == 0 else {
            let code = errno
            disconnect()
            throw .unreachable(Self.reason(code))
        }
    }

    private func disconnect() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    /// Whether the server has ended the connection while it was idle.
    private var serverHasEnded: Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) == 0
    }

    private func send(_ message: [UInt8]) -> ClientError? {
        message.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.send(
                    descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count,
                    Int32(MSG_NOSIGNAL))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return .broken(Self.reason(errno)) }
                rest = rest.dropFirst(count)
            }
            return nil
        }
    }

    private func receive() throws(ClientError) -> Answer {
        try reader.read { [descriptor] room in
            while true {
                let count = recv(descriptor, room.baseAddress, room.count, 0)
                if count >= 0 { return count }
                if errno != EINTR { return -Int(errno) }
            }
        }
    }
}
