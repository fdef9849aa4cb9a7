import Platform
import TLS

/// A connection to a server, with TLS or without. Every step blocks its thread until the deadline at most.
public struct ClientConnection: ~Copyable {
    private var tls: TLSClientSession?
    private let socket: Socket

    private init(_ socket: consuming Socket) {
        tls = nil
        self.socket = socket
    }

    /// Connects to the first of these very addresses that takes a connection; each has its share of the time.
    public static func connected(
        toFirstOf addresses: some Collection<IPAddress>, port: UInt16, by deadline: Deadline
    ) throws(ClientError) -> ClientConnection {
        var failure = ClientError.broken("the host has no address")
        var left = addresses.count
        for address in addresses {
            do throws(ClientError) {
                return try connected(to: address, port: port, by: deadline.shared(among: left))
            } catch {
                failure = error
            }
            left -= 1
        }
        throw failure
    }

    /// Connects to this very address.
    public static func connected(
        to address: IPAddress, port: UInt16, by deadline: Deadline
    ) throws(ClientError) -> ClientConnection {
        func failure(_ code: Int32) -> ClientError {
            .unreachable("\(address), port \(port)", String(cString: strerror(code)))
        }
        guard let socket = Socket.stream(family: address.family) else { throw failure(errno) }
        // A request is one message: nothing is gained by waiting for more.
        socket.disableDelay()
        let descriptor = socket.descriptor
        let result = address.withSocketAddress(port: port) { connect(descriptor, $0, $1) }
        if result != 0 {
            // After a signal the connection goes on being made.
            guard errno == EINPROGRESS || errno == EINTR else { throw failure(errno) }
            try wait(socket, for: POLLOUT, by: deadline, during: .connecting)
            var code: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { throw failure(errno) }
            guard code == 0 else { throw failure(code) }
        }
        return ClientConnection(socket)
    }

    /// Begins TLS, and finds out whether the server is who it should be.
    public mutating func secure(
        _ context: TLSClientContext, expecting peer: TLSPeerName, by deadline: Deadline
    ) throws(ClientError) {
        guard var session = context.makeSession(descriptor: socket.descriptor, expecting: peer) else {
            throw .broken("there was no memory for TLS")
        }
        while true {
            switch session.handshake() {
            case .done:
                tls = consume session
                return
            case .wantsInput: try Self.wait(socket, for: POLLIN, by: deadline, during: .securing)
            case .wantsOutput: try Self.wait(socket, for: POLLOUT, by: deadline, during: .securing)
            case .plainText: throw .noTLS
            case .closed: throw .ended(.securing)
            case .failed(let reason): throw .noAgreement(reason)
            }
        }
    }

    /// Sends all bytes.
    public mutating func send(_ bytes: [UInt8], by deadline: Deadline) throws(ClientError) {
        try bytes.withRawBytes { raw throws(ClientError) in try send(raw, by: deadline) }
    }

    /// Sends all bytes.
    public mutating func send(_ bytes: UnsafeRawBufferPointer, by deadline: Deadline) throws(ClientError) {
        var sent = 0
        while sent < bytes.count {
            let outcome = write(UnsafeRawBufferPointer(rebasing: bytes[sent...]))
            sent += try settle(outcome, by: deadline, during: .sending) ?? 0
        }
    }

    /// Reads what is there, or waits for something.
    ///
    /// - Returns: how many bytes; 0 where the server has ended
    public mutating func receive(
        into buffer: UnsafeMutableRawBufferPointer, by deadline: Deadline
    ) throws(ClientError) -> Int {
        // An answer is not there yet as a rule: to wait first saves a call that brings nothing.
        if tls == nil { try Self.wait(socket, for: POLLIN, by: deadline, during: .receiving) }
        while true {
            let outcome = read(into: buffer)
            if let count = try settle(outcome, by: deadline, during: .receiving) { return count }
        }
    }

    /// Reads and forgets what is still to come, so that closing does not break the server's sending: up to so many
    /// bytes, and until the deadline.
    public mutating func drain(_ most: Int, by limit: Deadline) {
        var left = most
        var buffer = [UInt8](repeating: 0, count: min(max(most, 1), 16 << 10))
        while left > 0 {
            switch buffer.withUnsafeMutableBytes({ read(into: $0) }) {
            case .moved(let count) where count > 0: left -= count
            case .wantsInput:
                do throws(ClientError) {
                    try Self.wait(socket, for: POLLIN, by: limit, during: .receiving)
                } catch { return }
            default: return
            }
            if limit.milliseconds == 0 { return }
        }
    }

    /// Says goodbye where TLS has a word for it.
    public mutating func finish() { _ = tls?.sendClose() }

    /// Whether the server has ended the connection, or said what nobody asked for, while it was idle.
    public var hasEnded: Bool {
        var byte: UInt8 = 0
        let outcome = withUnsafeMutableBytes(of: &byte) { socket.peek(into: $0) }
        return outcome != .wouldBlock
    }

    private mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSSession.Transfer {
        tls?.read(into: buffer) ?? TLSSession.Transfer(socket.receive(into: buffer), wants: .wantsInput)
    }

    private mutating func write(_ bytes: UnsafeRawBufferPointer) -> TLSSession.Transfer {
        tls?.write(bytes) ?? TLSSession.Transfer(socket.transmit(bytes), wants: .wantsOutput)
    }

    /// Waits where there is something to wait for.
    ///
    /// - Returns: how many bytes were moved; nil where it is to be tried again
    private mutating func settle(
        _ outcome: TLSSession.Transfer, by deadline: Deadline, during step: ClientError.Step
    ) throws(ClientError) -> Int? {
        switch outcome {
        case .moved(let count): return count
        case .wantsInput: try Self.wait(socket, for: POLLIN, by: deadline, during: step)
        case .wantsOutput: try Self.wait(socket, for: POLLOUT, by: deadline, during: step)
        case .failed(let code):
            if let alert = tls?.takeAlert() { throw .alert(alert) }
            throw .broken("the connection broke while trying to \(step.rawValue): \(String(cString: strerror(code)))")
        }
        return nil
    }

    private static func wait(
        _ socket: borrowing Socket, for event: Int32, by deadline: Deadline, during step: ClientError.Step
    ) throws(ClientError) {
        switch socket.wait(for: event, by: deadline) {
        case .ready: break
        case .late: throw .timedOut(step)
        case .failed(let code): throw .broken("poll failed: \(String(cString: strerror(code)))")
        }
    }
}

extension TLSSession.Transfer {
    fileprivate init(_ outcome: Socket.Outcome, wants: Self) {
        self =
            switch outcome {
            case .moved(let count): .moved(count)
            case .wouldBlock: wants
            case .failed(let code): .failed(errno: code)
            }
    }
}
