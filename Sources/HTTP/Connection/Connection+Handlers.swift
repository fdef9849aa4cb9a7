import HTTPTypes
import Logging
import Synchronization

/// The handler that is at work for a connection.
struct RunningCall {
    /// Tells the answers and signals of this call from those of an earlier one.
    var number = 0
    var mailbox: BodyMailbox?
    var task: Task<Void, Never>?
    /// Whether it is for nobody once the client has ended its side.
    var endsWithInput = false
    /// Those who wait for the client to take more.
    private var writers: [CheckedContinuation<Bool, Never>] = []
    /// Told when the client has ended its side.
    private var listener: (@Sendable () -> Void)?

    /// The exchange is over; the task has answered.
    mutating func finish() {
        mailbox?.detach()
        mailbox = nil
        task = nil
        listener = nil
    }

    /// Tells `action` of the end of the input, at once if it is there.
    mutating func whenInputEnds(_ action: @escaping @Sendable () -> Void, hasEnded: Bool) {
        if hasEnded { action() } else { listener = action }
    }

    mutating func inputEnded() {
        listener.take()?()
    }

    /// The client is gone: the handler is cancelled, and whoever waits is told.
    mutating func abandon() {
        number += 1
        task?.cancel()
        finish()
        for writer in writers { writer.resume(returning: false) }
        writers = []
    }

    mutating func wait(_ writer: CheckedContinuation<Bool, Never>) {
        writers.append(writer)
    }

    mutating func resumeWriters() {
        guard !writers.isEmpty else { return }
        for writer in writers { writer.resume(returning: true) }
        writers = []
    }
}

extension Connection {
    /// Runs a handler: an immediate one at once, a deferred one as a task that comes back with the answer.
    func start(_ handlerCall: HandlerCall) {
        guard let exchange = state.exchange else { return }
        loop.counters.started.add(1, ordering: .relaxed)
        call.number += 1
        call.endsWithInput = handlerCall.route.endsWithInput
        let request = request(for: handlerCall, of: exchange)
        switch handlerCall.route.handler {
        case .immediate(let handler):
            answer(Result { try handler(request) })
        case .deferred(let handler):
            let number = call.number
            call.task = Task {
                let result: Result<Response, any Error>
                do { result = .success(try await handler(request)) } catch { result = .failure(error) }
                self.loop.enter {
                    guard self.isOpen, self.call.number == number else { return }
                    self.answer(result)
                    self.settle()
                }
            }
        }
    }

    private func request(for handlerCall: HandlerCall, of exchange: Exchange) -> Request {
        var body = RequestBody.empty
        let number = call.number
        if handlerCall.takesBody {
            let mailbox = BodyMailbox(capacity: loop.context.limits.maxWaitingBodyBytes) { signal in
                self.loop.enter { self.receive(signal, from: number) }
            }
            call.mailbox = mailbox
            body = RequestBody(mailbox, declaredLength: handlerCall.head.controls.framing.declaredLength)
        }
        return Request(
            head: handlerCall.head, body: body, id: exchange.requestID, trace: exchange.trace, peer: peer,
            clientCertificate: clientCertificate, clientAddress: exchange.address, client: exchange.admission?.client,
            seesDetails: exchange.admission?.seesDetails ?? false, pathParameters: handlerCall.parameters
        ) { ends in
            self.loop.enter { self.endWithInput(ends, number) }
        }
    }

    private func endWithInput(_ ends: Bool, _ number: Int) {
        guard isOpen, call.number == number else { return }
        call.endsWithInput = ends
        if ends, state.inputEnded, state.awaitsOnlyHandler { close() }
    }

    private func receive(_ signal: BodyMailbox.Signal, from number: Int) {
        guard isOpen, call.number == number else { return }
        switch signal {
        case .wanted: state.bodyWanted(now: loop.now)
        case .roomAgain: state.setBodyPaused(false, now: loop.now)
        }
        settle()
    }

    private func answer(_ result: Result<Response, any Error>) {
        switch result {
        case .success(let response):
            guard state.answer(response, now: loop.now), case .stream(_, let produce) = response.body else { return }
            startStream(produce)
        case .failure(let error):
            let problem = HTTPProblem(handlerError: error)
            if problem == .internalError { log("a handler failed", "\(error)", as: problem) }
            if let cause = problem.cause { log("a request failed", cause, as: problem) }
            state.answer(problem, now: loop.now)
        }
    }

    private func log(_ what: Logger.Message, _ reason: String, as problem: HTTPProblem?) {
        guard let leftOut = loop.failureLines.tell(of: problem?.slug ?? "", at: loop.now) else { return }
        var fields: Logger.Metadata = [
            "request": "\(state.exchange?.requestID ?? "")", "client": "\(state.exchange?.address ?? peer)",
            "error": "\(reason)",
        ]
        if leftOut > 0 { fields["left_out"] = "\(leftOut)" }
        loop.logger.error(what, metadata: fields)
    }
}

extension Connection {
    private func startStream(_ produce: @escaping @Sendable (ResponseWriter) async throws -> Void) {
        let number = call.number
        let writer = ResponseWriter { bytes throws(ResponseWriteError) in
            try await self.write(bytes, for: number)
        } whenInputEnds: { action in
            self.loop.enter { self.listen(action, for: number) }
        } cut: {
            self.loop.enter { self.cutStream(number) }
        }
        call.task = Task {
            var failure: (any Error)?
            do { try await produce(writer) } catch { failure = error }
            let (failed, problem) = (failure != nil, failure as? HTTPProblem)
            self.loop.enter { self.endStream(failed: failed, problem, for: number) }
        }
    }

    private func endStream(failed: Bool, _ problem: HTTPProblem?, for number: Int) {
        guard isOpen, call.number == number else { return }
        if let cause = problem?.cause { log("an answer was cut", cause, as: problem) }
        if let action = state.endStream(failed: failed, now: loop.now), case .close = action { close() }
        settle()
    }

    /// Gives the client up, unless all of the answer was written.
    private func cutStream(_ number: Int) {
        guard isOpen, call.number == number, case .streaming = state.exchange?.answer else { return }
        close()
    }

    private func listen(_ action: @escaping @Sendable () -> Void, for number: Int) {
        guard isOpen, call.number == number else { return }
        call.whenInputEnds(action, hasEnded: state.inputEnded)
    }

    /// Puts a piece out and waits until the client has taken most of what is waiting.
    private func write(_ bytes: [UInt8], for number: Int) async throws(ResponseWriteError) {
        let outcome = await withCheckedContinuation {
            (waiter: CheckedContinuation<Result<Bool, ResponseWriteError>, Never>) in
            loop.enter { waiter.resume(returning: self.put(bytes, for: number)) }
        }
        guard try !outcome.get() else { return }
        let isStillThere = await withCheckedContinuation { (waiter: CheckedContinuation<Bool, Never>) in
            loop.enter { self.waitForRoom(waiter, for: number) }
        }
        guard isStillThere else { throw .connectionClosed }
    }

    /// - Returns: whether there is room for another piece.
    private func put(_ bytes: [UInt8], for number: Int) -> Result<Bool, ResponseWriteError> {
        guard isOpen, call.number == number else { return .failure(.connectionClosed) }
        do { try state.write(bytes) } catch { return .failure(error) }
        settle()
        guard isOpen else { return .failure(.connectionClosed) }
        return .success(state.output.count < loop.context.limits.maxWaitingOutputBytes)
    }

    private func waitForRoom(_ waiter: CheckedContinuation<Bool, Never>, for number: Int) {
        guard isOpen, call.number == number else {
            waiter.resume(returning: false)
            return
        }
        if state.output.count < loop.context.limits.maxWaitingOutputBytes {
            waiter.resume(returning: true)
        } else {
            call.wait(waiter)
        }
    }
}
