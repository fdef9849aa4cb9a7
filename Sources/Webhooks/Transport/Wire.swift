import Platform
import TLS

/// A connection to a receiver, with TLS or without. Every step blocks its thread until the deadline at most.
struct Wire: ~Copyable {
    private let socket: ReceiverSocket
    private let deadline: Deadline
    private var tls: TLSClientSession?

    /// Takes over a connection.
    init(_ socket: consuming ReceiverSocket, deadline: Deadline) {
        self.socket = socket
        self.deadline = deadline
        tls = nil
    }

    /// Begins TLS, and finds out whether the receiver is who it should be.
    mutating func secure(_ context: TLSClientContext, expecting peer: TLSPeerName) throws(TryError) {
        guard var session = context.makeSession(descriptor: socket.descriptor, expecting: peer) else {
            throw .broken("there was no memory for TLS")
        }
        while true {
            switch session.handshake() {
            case .done:
                tls = consume session
                return
            case .wantsInput: try socket.wait(for: POLLIN, by: deadline, during: .securing)
            case .wantsOutput: try socket.wait(for: POLLOUT, by: deadline, during: .securing)
            case .plainText: throw .broken("the receiver does not speak TLS on this port")
            case .closed: throw .broken("the receiver ended the connection while agreeing on TLS")
            case .failed(let reason): throw .broken("TLS with the receiver failed: \(reason)")
            }
        }
    }

    /// Sends all bytes.
    mutating func send(_ bytes: [UInt8]) throws(TryError) {
        var sent = 0
        while sent < bytes.count {
            let outcome = bytes.withUnsafeBytes { write(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
            sent += try settle(outcome, waitingFor: POLLOUT, during: .sending) ?? 0
        }
    }

    /// Reads what is there, or waits for something.
    ///
    /// - Returns: how many bytes; 0 where the receiver has ended
    mutating func receive(into buffer: UnsafeMutableRawBufferPointer) throws(TryError) -> Int {
        while true {
            let outcome = read(into: buffer)
            if let count = try settle(outcome, waitingFor: POLLIN, during: .receiving) { return count }
        }
    }

    /// Reads and forgets what is still to come, so that closing does not break the receiver's sending: up to so many
    /// bytes, and for a moment.
    mutating func drain(_ most: Int, by limit: Deadline) {
        let limit = limit.earlier(deadline)
        var left = most
        var buffer = [UInt8](repeating: 0, count: min(max(most, 1), 16 << 10))
        while left > 0 {
            switch buffer.withUnsafeMutableBytes({ read(into: $0) }) {
            case .moved(let count) where count > 0: left -= count
            case .wantsInput:
                do throws(TryError) { try socket.wait(for: POLLIN, by: limit, during: .receiving) } catch { return }
            default: return
            }
            if limit.milliseconds == 0 { return }
        }
    }

    /// Says goodbye where TLS has a word for it.
    mutating func finish() { _ = tls?.sendClose() }

    private mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSSession.Transfer {
        tls?.read(into: buffer) ?? TLSSession.Transfer(socket.receive(into: buffer), wants: .wantsInput)
    }

    private mutating func write(_ bytes: UnsafeRawBufferPointer) -> TLSSession.Transfer {
        tls?.write(bytes) ?? TLSSession.Transfer(socket.transmit(bytes), wants: .wantsOutput)
    }

    /// Waits where there is something to wait for.
    ///
    /// - Returns: how many bytes were moved; nil where it is to be tried again
    private func settle(
        _ outcome: TLSSession.Transfer, waitingFor event: Int32, during step: TryError.Step
    ) throws(TryError) -> Int? {
        switch outcome {
        case .moved(let count): return count
        case .wantsInput: try socket.wait(for: POLLIN, by: deadline, during: step)
        case .wantsOutput: try socket.wait(for: POLLOUT, by: deadline, during: step)
        case .failed(let code):
            throw .broken("the connection broke while trying to \(step.rawValue): \(String(cString: strerror(code)))")
        }
        return nil
    }
}

extension TLSSession.Transfer {
    fileprivate init(_ outcome: ReceiverSocket.Outcome, wants: Self) {
        self =
            switch outcome {
            case .moved(let count): .moved(count)
            case .wouldBlock: wants
            case .failed(let code): .failed(errno: code)
            }
    }
}
