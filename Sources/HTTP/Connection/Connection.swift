import Dispatch
import HTTPTypes
import Logging
import Platform
import TLS

/// A client's connection, its state, and the handler at work for it: carries out what `ConnectionState` decides.
///
/// `@unchecked Sendable`: it belongs to its loop and is touched on the loop's queue alone; tasks that hold it come back
/// by `EventLoop.enter`.
final class Connection: @unchecked Sendable {
    /// How often the socket is read in one go while a body comes, before others get their turn.
    private static let readsPerTurn = 8

    let token: ConnectionTable.Token
    let loop: EventLoop
    let peer: SocketAddress
    var state: ConnectionState
    var call = RunningCall()

    /// The certificate that the client has shown.
    var clientCertificate: CertificateSummary?

    /// Nil once the connection is closed.
    var transport: Transport?
    /// What the connection is to be told before it has asked.
    var refusal: HTTPProblem?
    private var watched: Poller.Readiness = .input
    private var isReadPlanned = false
    /// Whom the connection is counted for.
    var share: IPAddress?

    init(owning descriptor: Int32, _ arrival: Arrival, token: ConnectionTable.Token, loop: EventLoop) {
        self.token = token
        self.loop = loop
        peer = arrival.peer
        share = arrival.share
        transport = Transport(owning: descriptor)
        state = ConnectionState(
            context: loop.context, dateLine: loop.dateLine, idSeed: .random(in: .min ... .max),
            bringsProxyHeader: arrival.bringsProxyHeader, isSecured: loop.context.tls != nil, now: loop.now)
        state.remote = arrival.peer
    }

    var isOpen: Bool { transport != nil }

    /// Begins; a connection beyond the limit is answered with `problem` before it has asked.
    func open(refusing problem: HTTPProblem?) {
        transport?.disableDelay()
        refusal = problem
        if problem != nil { state.skipProxyHeader(now: loop.now) }
        if case .proxyHeader = state.phase { readInput() } else { secure() }
    }

    /// Begins TLS where the server speaks it, else the requests.
    func secure() {
        guard let tls = loop.context.tls else {
            begin()
            return
        }
        guard transport?.secure(with: tls.context) == true else {
            close()
            return
        }
        shakeHands()
    }

    /// The way is free for requests.
    func begin() {
        if let refusal {
            state.refuseHead(refusal, now: loop.now)
            settle()
        } else {
            readInput()
        }
    }

    /// Something has happened to the socket.
    func handle(_ readiness: Poller.Readiness) {
        dispatchPrecondition(condition: .onQueue(loop.queue))
        switch state.phase {
        case .proxyHeader: return readInput()
        case .handshake: return shakeHands()
        default: break
        }
        if readiness.contains(.output) { settle() }
        if let awaited = transport?.awaited, !readiness.isDisjoint(with: awaited), state.wantsInput {
            readInput()
        } else if !readiness.isDisjoint(with: .lost) {
            close()
        }
    }

    /// The deadline has passed.
    func tick() {
        guard isOpen else { return }
        let isQuiet = state.exchange == nil && state.output.isEmpty
        if let action = state.tick(now: loop.now) { perform(action, isQuiet: isQuiet) }
        settle()
    }

    /// From now on answers end the connection.
    func sayClose() { state.saysClose = true }

    /// The server ends.
    func shutDown() {
        guard isOpen else { return }
        state.shutDown(now: loop.now)
        settle()
    }

    /// Lets go of everything at once.
    func close() {
        guard isOpen else { return }
        transport = nil
        state.reportInterruption(now: loop.now)
        call.abandon()
        if let share { loop.context.shares.release(share) }
        loop.remove(token)
    }

    private func readInput() {
        if case .proxyHeader = state.phase {
            if readProxyHeader() { secure() } else { settle() }
            return
        }
        for _ in 0..<Self.readsPerTurn where isOpen && state.wantsInput {
            let direct = state.directBodyBytes
            let goOn = direct > 0 && call.mailbox != nil ? readBody(upTo: direct) : readBytes()
            if !goOn { break }
        }
        settle()
    }

    /// - Returns: whether there may be more to read at once.
    private func readBytes() -> Bool {
        var goOn = false
        loop.withReadBuffer { buffer in
            let size = min(state.readSize, buffer.count)
            let outcome = buffer.withUnsafeMutableBytes {
                receive(UnsafeMutableRawBufferPointer(rebasing: $0[..<size]))
            }
            guard let count = outcome else { return }
            let input = buffer.span.extracting(..<count)
            if state.backlog.isEmpty {
                let position = drive(input)
                state.backlog.append(input, from: position)
            } else {
                state.backlog.append(input, from: 0)
                useBacklog()
            }
            goOn = count == size
        }
        return goOn
    }

    /// Reads a part of a body right into the piece that the handler gets.
    private func readBody(upTo remaining: Int) -> Bool {
        let size = min(remaining, loop.context.limits.readBufferBytes)
        var outcome: Int?
        let piece = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            outcome = receive(UnsafeMutableRawBufferPointer(buffer))
            count = outcome ?? 0
        }
        guard let outcome else { return false }
        state.receivedDirectBody(outcome, now: loop.now)
        // A small piece in a large buffer would let a client that drips hold much more memory than it sends.
        deliver(outcome * 2 < size ? Array(piece[...]) : piece)
        _ = drive([UInt8]().span)
        return outcome == size
    }

    /// - Returns: how many bytes came; nil if none did, the end of the input and failures being dealt with.
    private func receive(_ buffer: UnsafeMutableRawBufferPointer) -> Int? {
        switch transport?.receive(into: buffer) {
        case .moved(let count) where count > 0: return count
        case .moved:
            if call.endsWithInput, state.awaitsOnlyHandler {
                close()
                return nil
            }
            if let action = state.endInput() { perform(action, [UInt8]().span) }
            call.inputEnded()
        case .failed: close()
        case .wouldBlock, nil: break
        }
        return nil
    }

    /// Uses input until it is used up or something has to be waited for.
    ///
    /// - Returns: how far it was used.
    private func drive(_ input: Span<UInt8>) -> Int {
        var position = 0
        while isOpen, let action = state.advance(input, at: &position, now: loop.now) {
            perform(action, input)
        }
        return position
    }

    private func useBacklog() {
        let (bytes, start) = state.backlog.take()
        let used = drive(bytes.span.extracting(start...))
        state.backlog.restore(bytes, from: start + used)
    }

    func perform(_ action: ConnectionState.Action, _ input: Span<UInt8>) {
        switch action {
        case .start(let handlerCall): start(handlerCall)
        case .body(let range): deliver(input.extracting(range).withUnsafeBufferPointer { Array($0) })
        case .endBody: call.mailbox?.end(.success(()))
        case .failBody(let error): call.mailbox?.end(.failure(error))
        case .halfClose: transport?.endSending()
        case .close: close()
        case .distrust(let error): distrust(error)
        }
    }

    /// - Parameter isQuiet: whether all has been said, so that an end is no interruption.
    private func perform(_ action: ConnectionState.Action, isQuiet: Bool) {
        if isQuiet, case .close = action { transport?.sayGoodbye() }
        perform(action, [UInt8]().span)
    }

    private func deliver(_ piece: [UInt8]) {
        guard let mailbox = call.mailbox, !mailbox.put(piece) else { return }
        state.setBodyPaused(true, now: loop.now)
    }
}

extension Connection {
    /// After anything has happened: uses what was waiting, sends what there is, and says what to watch for.
    func settle() {
        repeat {
            guard isOpen else { return }
            useBacklog()
            flush()
        } while state.canGoOn
        guard isOpen else { return }
        call.mailbox?.wake()
        if state.exchange == nil { call.finish() }
        if state.output.count < loop.context.limits.maxWaitingOutputBytes { call.resumeWriters() }
        updateInterest()
        readHeldInput()
        loop.setDeadline(state.deadline, of: token)
    }

    /// Nil where the connection is not idle.
    var idleness: Idleness? { isOpen && refusal == nil ? state.idleness : nil }

    /// Ends the connection for the sake of another one, unless it is not as idle any more as it was.
    ///
    /// - Returns: whether it did.
    func giveWay(if known: Idleness) -> Bool {
        guard idleness == known, !hasUnread else { return false }
        if known.hasBegun, case .head = state.phase {
            state.refuseHead(.tooManyConnections, now: loop.now)
            flush()
        } else if !known.hasBegun {
            transport?.sayGoodbye()
        }
        close()
        return true
    }

    /// Whether something has come that was not looked at yet.
    private var hasUnread: Bool {
        guard transport?.mayHoldInput == false else { return true }
        var byte: UInt8 = 0
        let outcome = withUnsafeMutableBytes(of: &byte) { transport?.peek(into: $0) }
        if case .moved(let count) = outcome { return count > 0 }
        return false
    }

    private func flush() {
        while isOpen, !state.output.isEmpty {
            let outcome = state.output.withSegments(limit: Socket.segmentsPerCall) { segments, sent in
                transport?.transmit(segments, skipping: sent)
            }
            switch outcome {
            case .moved(let count):
                state.sent(count, now: loop.now)
            case .wouldBlock:
                state.sent(0, now: loop.now)
                return
            case .failed, nil:
                close()
                return
            }
        }
        transport?.continueEnding()
        if isOpen, let action = state.afterSending(now: loop.now) { perform(action, isQuiet: true) }
    }

    /// What TLS has read ahead is no event of the socket: it gets a turn of its own.
    private func readHeldInput() {
        guard transport?.mayHoldInput == true, !isReadPlanned, state.wantsInput else { return }
        isReadPlanned = true
        loop.enter {
            self.isReadPlanned = false
            guard self.isOpen, self.state.wantsInput else { return }
            self.readInput()
        }
    }

    private func updateInterest() {
        guard let descriptor = transport?.descriptor else { return }
        var interest: Poller.Readiness = []
        if state.wantsInput { interest.formUnion(transport?.awaited ?? .input) }
        if !state.output.isEmpty || transport?.isEnding == true { interest.insert(.output) }
        guard interest != watched else { return }
        watched = interest
        loop.watch(self, descriptor, for: interest)
    }
}
