import Platform

extension ConnectionState {
    /// Uses the input from `position` on, up to the first thing that the shell has to do.
    ///
    /// To be called again until it gives nil; what is then left of the input belongs into the backlog.
    mutating func advance(_ input: Span<UInt8>, at position: inout Int, now: MonotonicTime) -> Action? {
        isHeldByOutput = false
        while true {
            switch phase {
            case .proxyHeader, .handshake: return nil
            case .head:
                guard output.count < context.limits.maxWaitingOutputBytes else {
                    isHeldByOutput = true
                    return nil
                }
                guard position < input.count else { return inputEnded ? endWithinHead(now: now) : nil }
                if let action = readHead(input, &position, now: now) { return action }
                if case .head = phase, position == input.count, !inputEnded { return nil }
            case .exchange:
                switch advanceExchange(input, &position, now: now) {
                case .act(let action): return action
                case .goOn: continue
                case .wait: return nil
                }
            case .closing, .lingering:
                position = input.count
                return nil
            case .closed:
                position = input.count
                return nil
            }
        }
    }

    private enum Step {
        case act(Action)
        case goOn
        case wait
    }

    private mutating func readHead(_ input: Span<UInt8>, _ position: inout Int, now: MonotonicTime) -> Action? {
        let isBeginning = !parser.isMidHead
        if isBeginning, let request = known.take(input, at: &position) {
            headClock = nil
            return begin(request, now: now)
        }
        if headClock == nil { headClock = now }
        let start = position
        do {
            guard let head = try parser.consume(input, at: &position) else { return nil }
            parser = RequestParser(limits: context.limits)
            headClock = nil
            let request = RoutedHead(head: head, resolution: context.router.resolve(head))
            if isBeginning { known.keep(request, of: input.extracting(start..<position)) }
            return begin(request, now: now)
        } catch {
            position = input.count
            refuseHead(error, input.extracting(start..<input.count), now: now)
            return nil
        }
    }

    /// The client has ended its side: between two requests that is how connections end, within a head it is not.
    private mutating func endWithinHead(now: MonotonicTime) -> Action? {
        if parser.isMidHead {
            refuseHead(.malformed("The connection ended within the head of the request."), Span(), now: now)
        } else {
            phase = .closing
        }
        return nil
    }

    private mutating func advanceExchange(
        _ input: Span<UInt8>, _ position: inout Int, now: MonotonicTime
    ) -> Step {
        guard let exchange else { return .wait }
        switch exchange.bodyUse {
        case .complete:
            guard exchange.isAnswered else { return .wait }
            finishExchange(now: now)
            return .goOn
        case .abandoned:
            position = input.count
            guard exchange.isAnswered else { return .wait }
            finishExchange(now: now)
            return .goOn
        case .deliver, .discard:
            if exchange.isBodyPaused { return .wait }
            return readBody(input, &position, now: now)
        }
    }

    private mutating func readBody(_ input: Span<UInt8>, _ position: inout Int, now: MonotonicTime) -> Step {
        guard let exchange else { return .wait }
        let start = position
        do {
            switch exchange.decoder {
            case .length(let remaining):
                guard remaining > 0 else { return bodyEnded(now: now) }
                guard position < input.count else { return inputEnded ? bodyFailed(.closedEarly, now: now) : .wait }
                let range = position..<(position + min(remaining, input.count - position))
                position = range.upperBound
                exchange.decoder = .length(remaining: remaining - range.count)
                return bodyCame(range, now: now)
            case .chunked(var parser):
                let element = try parser.next(input, at: &position)
                exchange.decoder = .chunked(parser)
                switch element {
                case .data(let range): return bodyCame(range, now: now)
                case .end: return bodyEnded(now: now)
                case nil:
                    bodyClock?.moved(position - start, now: now)
                    return inputEnded ? bodyFailed(.closedEarly, now: now) : .wait
                }
            }
        } catch {
            return bodyFailed(error, now: now)
        }
    }

    private mutating func bodyCame(_ range: Range<Int>, now: MonotonicTime) -> Step {
        bodyClock?.moved(range.count, now: now)
        guard let exchange else { return .wait }
        exchange.bodyBytes += range.count
        exchange.awaitsContinue = false
        switch exchange.bodyUse {
        case .deliver(let limit):
            guard exchange.bodyBytes <= limit else { return bodyFailed(.tooLarge(limit: limit), now: now) }
            return .act(.body(range))
        case .discard:
            exchange.discardedBytes += range.count
            let limit = context.limits.maxDrainBytes
            guard exchange.discardedBytes <= limit else {
                return bodyFailed(.tooLarge(limit: limit), now: now)
            }
            return .goOn
        case .complete, .abandoned:
            return .goOn
        }
    }

    private mutating func bodyEnded(now: MonotonicTime) -> Step {
        guard let exchange else { return .wait }
        let use = exchange.bodyUse
        exchange.bodyUse = .complete
        bodyClock = nil
        guard case .discard(let next) = use else { return .act(.endBody) }
        switch next {
        case .nothing: return .goOn
        case .start(let call): return .act(.start(call))
        case .answer(let response):
            answer(response, now: now)
            return .goOn
        }
    }

    /// The body has no end that could be found: the handler hears of it, or the client if no handler reads it.
    private mutating func bodyFailed(_ error: BodyError, now: MonotonicTime) -> Step {
        let use = exchange?.bodyUse
        abandonBody()
        switch use {
        case .deliver: return .act(.failBody(error))
        case .discard(.start):
            answer(HTTPProblem(error), now: now)
            return .goOn
        case .discard(.answer(let response)):
            // A refusal was ready; it stands unless the body turned out to be no HTTP at all.
            if case .tooLarge = error { answer(response, now: now) } else { answer(HTTPProblem(error), now: now) }
            return .goOn
        default: return .goOn
        }
    }

    mutating func abandonBody() {
        exchange?.bodyUse = .abandoned
        exchange?.persists = false
        bodyClock = nil
    }

    /// Bytes of the body went straight from the socket to the handler, as `directBodyBytes` allows.
    mutating func receivedDirectBody(_ count: Int, now: MonotonicTime) {
        guard let exchange, case .length(let remaining) = exchange.decoder else { return }
        exchange.decoder = .length(remaining: remaining - count)
        exchange.bodyBytes += count
        exchange.awaitsContinue = false
        bodyClock?.moved(count, now: now)
    }

    /// The handler keeps up with the body, or doesn't.
    mutating func setBodyPaused(_ isPaused: Bool, now: MonotonicTime) {
        exchange?.isBodyPaused = isPaused
        if isPaused { bodyClock?.pause(now: now) } else { bodyClock?.resume(now: now) }
    }

    /// The handler has asked for the body: the client is told to send it if it waits to be told (RFC 9110, 10.1.1).
    mutating func bodyWanted(now: MonotonicTime) {
        guard let exchange, exchange.awaitsContinue, exchange.awaitsAnswer else { return }
        exchange.awaitsContinue = false
        output.append(ResponseEncoder.continueHead)
        bodyClock?.resume(now: now)
    }
}
