import HTTPTypes
import Platform
import Tracing

extension ConnectionState {
    /// A head has been read: decides who answers, and what becomes of the body.
    mutating func begin(_ request: RoutedHead, now: MonotonicTime) -> Action? {
        let head = request.head
        phase = .exchange
        hasAsked = true
        let exchange = Exchange(
            method: head.method, requestID: ids.id(for: head.fields), version: head.version, began: now,
            persists: head.controls.persists)
        exchange.address = context.trust.client(of: head.fields, from: remote)
        exchange.trace = trace(of: head.fields, isTrusted: context.gate == nil)
        exchange.path = head.path
        exchange.awaitsContinue = head.controls.expectation == .continueFirst && head.controls.framing != .none
        switch head.controls.framing {
        case .none: break
        case .length(let length):
            exchange.decoder = .length(remaining: length)
            exchange.bodyUse = .discard(then: .nothing)
        case .chunked:
            exchange.decoder = .chunked(ChunkedBodyParser(limits: context.limits))
            exchange.bodyUse = .discard(then: .nothing)
        }
        startBodyClock(exchange, now: now)
        self.exchange = exchange
        return decide(request, of: exchange, now: now)
    }

    /// What a request says of its trace, and what is made of that here.
    ///
    /// - Parameter isTrusted: whether the client may say what is recorded
    private mutating func trace(of fields: HeaderFields, isTrusted: Bool) -> RequestTrace? {
        let parent = fields[.traceParent].flatMap { TraceContext(parent: $0, state: fields[.traceState]) }
        guard let tracer = context.tracer else {
            return parent.map { parent in
                var context = parent
                context.isSampled = parent.isSampled && isTrusted
                return RequestTrace(context, parent: parent.spanID)
            }
        }
        return tracer.begin(from: parent, isTrusted: isTrusted, using: &ids)
    }

    private mutating func startBodyClock(_ exchange: Exchange, now: MonotonicTime) {
        guard exchange.isReadingBody else { return }
        bodyClock = ProgressClock(
            idle: context.timeouts.bodyIdle, minimumBytesPerSecond: context.timeouts.minimumBytesPerSecond, now: now)
        // While the client waits for 100 Continue, silence is not its fault.
        if exchange.awaitsContinue { bodyClock?.pause(now: now) }
    }

    private mutating func decide(_ request: RoutedHead, of exchange: Exchange, now: MonotonicTime) -> Action? {
        let head = request.head
        if case .unknown(let expectation) = head.controls.expectation {
            refuse(.expectationFailed(expectation), origin: head.fields[.origin], now: now)
            return nil
        }
        if let gate = context.gate {
            let admission: Admission
            do throws(HTTPProblem) { admission = try gate(head, exchange.address) } catch {
                noteRoute(of: request)
                answer(error, now: now)
                return nil
            }
            exchange.admission = admission
            if case .admitted = admission.verdict {} else { noteRoute(of: request) }
            switch admission.verdict {
            case .answered(let response): return afterBody(.answer(response), now: now)
            case .refused(let problem): return afterBody(.answer(rendered(problem)), now: now)
            case .refusedAtOnce(let problem):
                answer(problem, now: now)
                return nil
            case .admitted:
                // Before that anybody could have what they like recorded.
                if admission.isTrusted, head.fields.contains(.traceParent) {
                    exchange.trace = trace(of: head.fields, isTrusted: true)
                }
            }
        }
        switch request.resolution {
        case .refused(let problem, let pattern):
            exchange.route = pattern
            return afterBody(.answer(rendered(problem)), now: now)
        case .options(let allow):
            return afterBody(.answer(Response(status: .noContent, fields: [.allow: allow])), now: now)
        case .route(let route, let parameters):
            exchange.route = route.pattern
            return admit(head, route, parameters, to: exchange, now: now)
        }
    }

    /// What is not let in is told of as asked of the route that it was for; nobody there learns of it.
    private mutating func noteRoute(of request: RoutedHead) {
        guard context.observe != nil else { return }
        switch request.resolution {
        case .route(let route, _): exchange?.route = route.pattern
        case .refused(_, let pattern): exchange?.route = pattern
        case .options: break
        }
    }

    private mutating func admit(
        _ head: RequestHead, _ route: Route, _ parameters: PathParameters, to exchange: Exchange, now: MonotonicTime
    ) -> Action? {
        var takesBody = false
        if let limit = route.bodyLimit, case .deferred = route.handler, exchange.isReadingBody {
            if let length = head.controls.framing.declaredLength, length > limit {
                answer(
                    .contentTooLarge(limit: limit, hint: route.bodyHint, shortage: route.bodyShortage), now: now)
                return nil
            }
            takesBody = true
            exchange.bodyUse = .deliver(limit: limit)
        }
        let call = HandlerCall(route: route, head: head, parameters: parameters, takesBody: takesBody)
        return takesBody ? .start(call) : afterBody(.start(call), now: now)
    }

    /// Takes a step once the body has passed, so that a broken body is refused whatever the path; or at once where
    /// there is no body, or the client has not begun to send it, or it is too long to be waited for.
    private mutating func afterBody(_ step: Exchange.NextStep, now: MonotonicTime) -> Action? {
        guard let exchange else { return nil }
        let isReadingBody = exchange.isReadingBody
        let limit = context.limits.maxDrainBytes
        if isReadingBody, exchange.canDrain(limit: limit) {
            exchange.bodyUse = .discard(then: step)
            return nil
        }
        switch step {
        case .nothing: return nil
        case .answer(let response):
            answer(response, now: now)
            return nil
        case .start(let call):
            guard isReadingBody, !exchange.awaitsContinue else { return .start(call) }
            answer(.contentTooLarge(limit: limit), now: now)
            return nil
        }
    }

    private mutating func rendered(_ problem: HTTPProblem) -> Response {
        if context.observe != nil {
            exchange?.problem = problem.slug
            exchange?.shortage = problem.shortage
        }
        var response = context.renderProblem(problem, exchange?.requestID ?? "", exchange?.path)
        response.fields.append(contentsOf: problem.fields.filter { response.fields[$0.name] == nil })
        return response
    }

    /// Answers the request with a problem.
    mutating func answer(_ problem: HTTPProblem, now: MonotonicTime) {
        answer(rendered(problem), now: now)
    }

    /// Answers a request that the gate is not asked of with a problem, and the fields that such answers have.
    private mutating func refuse(_ problem: HTTPProblem, origin: String?, now: MonotonicTime) {
        var problem = problem
        if let fields = context.refusalFields?(origin) { problem.fields.append(contentsOf: fields) }
        answer(problem, now: now)
    }

    /// Answers what is not a request: there is no telling where another one would begin, so the connection closes.
    ///
    /// - Parameter rest: what has come of it that the parser has not kept
    mutating func refuseHead(_ problem: HTTPProblem, _ rest: Span<UInt8>, now: MonotonicTime) {
        refuseHead(problem, origin: context.refusalFields == nil ? nil : parser.unread(rest).origin, now: now)
    }

    /// The same, of which nothing else has come.
    mutating func refuseHead(_ problem: HTTPProblem, origin: String? = nil, now: MonotonicTime) {
        headClock = nil
        phase = .exchange
        hasAsked = true
        let exchange = Exchange(
            method: parser.isHead ? .head : nil, requestID: ids.new(), version: .http11, began: now, persists: false)
        exchange.bodyUse = .abandoned
        exchange.address = remote
        self.exchange = exchange
        refuse(problem, origin: origin, now: now)
        finishExchange(now: now)
    }

    /// Answers the request in hand.
    ///
    /// - Returns: whether the body is a stream whose closure is to be run now.
    @discardableResult
    mutating func answer(_ response: Response, now: MonotonicTime) -> Bool {
        guard let exchange, exchange.awaitsAnswer else { return false }
        guard (200...599).contains(response.status.code) else {
            answer(Response(status: .internalServerError), now: now)
            return false
        }
        var response = response
        if let fields = exchange.admission?.fields, !fields.isEmpty {
            response.fields.append(contentsOf: fields.filter { response.fields[$0.name] == nil })
            if let varied = fields[.vary] { response.vary(by: varied) }
        }
        let framing = framing(of: response, to: exchange)
        exchange.persists = canPersist(exchange, response, framing)
        exchange.status = response.status
        appendHead(response, framing: framing, of: exchange)
        let isBodySent = exchange.method != .head && framing != .none
        guard isBodySent, case .stream = response.body else {
            if isBodySent, case .bytes(let bytes) = response.body {
                output.append(bytes)
                exchange.answerBytes = bytes.count
            }
            completeAnswer(exchange, now: now)
            return false
        }
        exchange.answer = .streaming(framing, written: 0)
        return true
    }

    private func framing(of response: Response, to exchange: Exchange) -> ResponseFraming {
        if response.status.code == 204 || response.status.code == 304 { return .none }
        if let length = response.body.length { return .length(max(0, length)) }
        if exchange.version == .http10 { return .untilClose }
        return exchange.method == .head ? .unsaid : .chunked
    }

    private func canPersist(_ exchange: Exchange, _ response: Response, _ framing: ResponseFraming) -> Bool {
        exchange.persists && !isShuttingDown && !saysClose
            && (framing != .untilClose || exchange.method == .head)
            && exchange.canDrain(limit: context.limits.maxDrainBytes)
            && response.fields[.connection].map(ASCII.lowercased) != "close"
            // The rest of what came too slowly is not waited for (RFC 9110, 15.5.9).
            && response.status.code != 408
    }

    private mutating func appendHead(_ response: Response, framing: ResponseFraming, of exchange: Exchange) {
        let connection: ResponseEncoder.ConnectionOption =
            exchange.persists ? (exchange.version == .http10 ? .keepAlive : .unsaid) : .close
        let surroundings = ResponseEncoder.Surroundings(
            framing: framing, connection: connection, requestID: exchange.requestID,
            dateLine: dateLine.current(), serverName: context.serverName)
        output.build { ResponseEncoder.appendHead(response, surroundings, to: &$0) }
    }

    private mutating func completeAnswer(_ exchange: Exchange, now: MonotonicTime) {
        exchange.answer = .complete
        if context.observe != nil { report(exchange, now: now) }
        guard exchange.isReadingBody else { return }
        if exchange.persists {
            exchange.bodyUse = .discard(then: .nothing)
            setBodyPaused(false, now: now)
        } else {
            abandonBody()
        }
    }

    private func report(_ exchange: Exchange, now: MonotonicTime) {
        context.observe?(
            ExchangeRecord(
                address: exchange.address, client: exchange.admission?.client, method: exchange.method,
                route: exchange.route, path: exchange.path, requestID: exchange.requestID, trace: exchange.trace,
                status: exchange.awaitsAnswer ? nil : exchange.status, problem: exchange.problem,
                shortage: exchange.shortage, isComplete: exchange.isAnswered,
                duration: now - exchange.began, bodyBytes: exchange.bodyBytes, answerBytes: exchange.answerBytes))
    }

    /// The connection is gone: an exchange that was under way is reported as it is.
    func reportInterruption(now: MonotonicTime) {
        guard let exchange, !exchange.isAnswered else { return }
        report(exchange, now: now)
    }

    mutating func finishExchange(now: MonotonicTime) {
        phase = exchange?.persists == true && !isShuttingDown && !saysClose ? .head : .closing
        exchange = nil
        bodyClock = nil
        idleSince = now
    }
}

extension ConnectionState {
    /// Adds a piece to a streamed answer.
    mutating func write(_ bytes: [UInt8]) throws(ResponseWriteError) {
        guard let exchange, case .streaming(let framing, let written) = exchange.answer else {
            throw .connectionClosed
        }
        switch framing {
        case .chunked:
            ResponseEncoder.appendChunk(bytes, to: &output)
        case .length(let length):
            guard bytes.count <= length - written else { throw .beyondLength(length) }
            output.append(bytes)
        case .untilClose, .unsaid, .none:
            output.append(bytes)
        }
        exchange.answer = .streaming(framing, written: written + bytes.count)
        exchange.answerBytes += bytes.count
    }

    /// Ends a streamed answer. One that failed or is too short is cut off, since that is all that can still be said.
    mutating func endStream(failed: Bool, now: MonotonicTime) -> Action? {
        guard let exchange, case .streaming(let framing, let written) = exchange.answer else { return nil }
        if case .length(let length) = framing, written < length { return abort() }
        if failed { return abort() }
        if framing == .chunked { output.append(ResponseEncoder.lastChunk) }
        completeAnswer(exchange, now: now)
        return nil
    }

    /// Gives up the connection at once.
    mutating func abort() -> Action {
        phase = .closed
        output = OutputQueue()
        return .close
    }
}
