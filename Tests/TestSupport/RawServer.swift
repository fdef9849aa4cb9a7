import Dispatch
import Platform
import Synchronization
import TLS

/// A server on a free port of 127.0.0.1, which does to each connection what a test says, on a thread of its own.
package final class RawServer: Sendable {
    /// The port.
    package let port: UInt16
    private let listener: Int32
    private let state = Mutex((connections: 0, requests: [ReceivedRequest]()))

    /// - Parameters:
    ///   - tls: what to speak TLS with; nil for plain text
    ///   - serve: called for each connection, which is closed after it
    package init(tls: TLSContext? = nil, _ serve: @escaping @Sendable (RawServerConnection) -> Void) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        // Sound: a sockaddr_in is passed as the sockaddr that the calls take, with its length.
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isListening else { throw RawServerFailure(description: "no port: \(errno)") }
        port = UInt16(bigEndian: address.sin_port)
        DispatchQueue(label: "raw server").async { self.accept(tls, serve) }
    }

    /// Takes no more connections, and lets the thread that did end.
    package func stop() { _ = shutdown(listener, Int32(SHUT_RDWR)) }

    /// How many connections have come.
    package var connections: Int { state.withLock { $0.connections } }
    /// The requests that were read whole.
    package var requests: [ReceivedRequest] { state.withLock { $0.requests } }

    /// One that reads a request and answers it.
    package static func answering(_ answer: String, tls: TLSContext? = nil) throws -> RawServer {
        try RawServer(tls: tls) { connection in
            connection.readRequest()
            connection.send(answer)
            connection.finish()
        }
    }

    private func accept(_ tls: TLSContext?, _ serve: @escaping @Sendable (RawServerConnection) -> Void) {
        while true {
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else { break }
            state.withLock { $0.connections += 1 }
            DispatchQueue(label: "raw server.connection").async {
                let connection = RawServerConnection(descriptor, tls) { request in
                    self.state.withLock { $0.requests.append(request) }
                }
                if connection.isReady { serve(connection) }
            }
        }
        close(listener)
    }
}

package struct RawServerFailure: Error {
    let description: String
}

/// A request as the server read it.
package struct ReceivedRequest: Sendable {
    package let line: String
    package let fields: [String: String]
    package let body: [UInt8]

    /// Reads head and body; nil while they are not whole.
    init?(_ bytes: [UInt8]) {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        var lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n").map(String.init)
        line = lines.removeFirst()
        var fields: [String: String] = [:]
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            fields[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingPrefix(" ").description
        }
        self.fields = fields
        body = Array(bytes[end.upperBound...])
        guard body.count == fields["content-length"].map({ Int($0) }) ?? 0 else { return nil }
    }
}
