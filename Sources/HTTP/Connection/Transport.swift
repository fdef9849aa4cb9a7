import HTTPTypes
import Logging
import Platform
import TLS

/// A connection's way to its client: the socket, and TLS on it where the server speaks that.
///
/// Without TLS each call is the socket's own and one test more.
struct Transport: ~Copyable {
    private let socket: Socket
    /// To let go of it touches the socket no more, so that either may go first.
    private var session: TLSSession?
    /// What a handshake waits for, or a read that is to go on; any input where there is nothing in particular.
    private(set) var awaited = Poller.Readiness.input
    /// Whether bytes may wait that the poller does not see, as they have been read from the socket.
    private(set) var mayHoldInput = false
    /// Whether the end could not be told yet, since the socket is full.
    private(set) var isEnding = false

    init(owning descriptor: Int32) {
        socket = Socket(owning: descriptor)
    }

    var descriptor: Int32 { socket.descriptor }

    /// Sends small answers at once rather than wait for more.
    borrowing func disableDelay() { socket.disableDelay() }

    /// Reads what is there, up to the room in `buffer`.
    mutating func receive(into buffer: UnsafeMutableRawBufferPointer) -> Socket.Outcome {
        if session == nil { return socket.receive(into: buffer) }
        return receiveSecured(into: buffer)
    }

    /// Reads what is there and leaves it there; before TLS has begun.
    borrowing func peek(into buffer: UnsafeMutableRawBufferPointer) -> Socket.Outcome { socket.peek(into: buffer) }

    /// Writes segments; a client that is gone is an error, never a signal.
    mutating func transmit(_ segments: ArraySlice<[UInt8]>, skipping sent: Int) -> Socket.Outcome {
        if session == nil { return socket.transmit(segments, skipping: sent) }
        return transmitSecured(segments, skipping: sent)
    }

    /// Ends our side; the other one may still be read.
    mutating func endSending() {
        if session != nil {
            isEnding = true
            guard sayGoodbye() else { return }
        }
        isEnding = false
        socket.endSending()
    }

    /// Goes on with an end that the socket had no room for.
    mutating func continueEnding() {
        if isEnding { endSending() }
    }

    /// Tells the client that the end is no interruption. Only to be called when everything has been sent.
    ///
    /// - Returns: whether it is on its way.
    @discardableResult
    mutating func sayGoodbye() -> Bool {
        guard session != nil else { return true }
        return session?.sendClose() ?? true
    }
}

extension Transport {
    /// From now on bytes are TLS, the handshake first.
    ///
    /// - Returns: false where there is no memory for it.
    mutating func secure(with context: TLSContext) -> Bool {
        session = context.makeSession(descriptor: socket.descriptor)
        return session != nil
    }

    /// Takes the handshake a step on; nil where there is none.
    mutating func handshake() -> TLSSession.Handshake? {
        guard let step = session?.handshake() else { return nil }
        switch step {
        case .wantsOutput: awaited = .output
        case .wantsInput, .done, .closed: awaited = .input
        case .plainText, .failed:
            // What is still said is said without TLS, and what still comes is not looked at.
            session = nil
            awaited = .input
        }
        return step
    }

    /// The certificate that the client has shown.
    var clientCertificate: CertificateSummary? {
        mutating get { session?.clientCertificate }
    }

    /// Fills the buffer from as many records as there are, so that only the socket has more where it is not full.
    private mutating func receiveSecured(into buffer: UnsafeMutableRawBufferPointer) -> Socket.Outcome {
        var filled = 0
        mayHoldInput = true
        awaited = .input
        while filled < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            switch session?.read(into: rest) {
            case .moved(let count) where count > 0: filled += count
            case .moved: return .moved(filled)
            case .wantsInput, nil:
                mayHoldInput = false
                return filled > 0 ? .moved(filled) : .wouldBlock
            case .wantsOutput:
                mayHoldInput = false
                awaited = .output
                return filled > 0 ? .moved(filled) : .wouldBlock
            case .failed(let code):
                return filled > 0 ? .moved(filled) : .failed(errno: code)
            }
        }
        return .moved(filled)
    }

    /// Sends one record. What comes in several segments, a head and its body, is put together, up to a record's size.
    private mutating func transmitSecured(_ segments: ArraySlice<[UInt8]>, skipping sent: Int) -> Socket.Outcome {
        if segments.count == 1, let only = segments.first {
            return only.withUnsafeBytes { write(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
        }
        return withUnsafeTemporaryAllocation(byteCount: TLSSession.maxRecordBytes, alignment: 1) { record in
            var filled = 0
            var skipped = sent
            for segment in segments where filled < record.count {
                segment.withUnsafeBytes { bytes in
                    let part = bytes[skipped...].prefix(record.count - filled)
                    UnsafeMutableRawBufferPointer(rebasing: record[filled...]).copyBytes(from: part)
                    filled += part.count
                }
                skipped = 0
            }
            return write(UnsafeRawBufferPointer(rebasing: record[..<filled]))
        }
    }

    private mutating func write(_ bytes: UnsafeRawBufferPointer) -> Socket.Outcome {
        switch session?.write(bytes) {
        case .moved(let count): return .moved(count)
        // Input is never wanted to write, as there are no further handshakes; the timeout for writing would end it.
        case .wantsInput, .wantsOutput, nil: return .wouldBlock
        case .failed(let code): return .failed(errno: code)
        }
    }
}

extension HTTPProblem {
    static let plainOnTLS = HTTPProblem(
        status: .badRequest, slug: "tls-required", title: "This port speaks TLS",
        detail: "The request came without TLS to a port that speaks only TLS; use https.")
}

extension Connection {
    /// Takes the TLS handshake as far as it goes.
    func shakeHands() {
        let step = transport?.handshake()
        if let step { loop.counters.count(step) }
        switch step {
        case .done:
            clientCertificate = transport?.clientCertificate
            state.handshakeEnded(now: loop.now)
            begin()
        case .plainText:
            state.refuseHead(.plainOnTLS, now: loop.now)
            settle()
        case .failed(let reason):
            loop.logger.debug("TLS handshake failed", metadata: ["peer": "\(peer)", "reason": "\(reason)"])
            state.handshakeFailed()
            settle()
        case .closed: close()
        case .wantsInput, .wantsOutput, nil: settle()
        }
    }
}

extension ServerCounters {
    /// Counts a handshake that is over.
    fileprivate func count(_ step: TLSSession.Handshake) {
        switch step {
        case .done: handshakes.add(1, ordering: .relaxed)
        case .failed: failedHandshakes.add(1, ordering: .relaxed)
        case .closed: closedHandshakes.add(1, ordering: .relaxed)
        case .plainText: plainRequests.add(1, ordering: .relaxed)
        case .wantsInput, .wantsOutput: break
        }
    }
}

extension ConnectionState {
    /// What comes next are requests.
    mutating func handshakeEnded(now: MonotonicTime) {
        phase = .head
        idleSince = now
    }

    /// The client has been sent an alert, and is given the time to read it.
    mutating func handshakeFailed() {
        phase = .closing
    }
}
