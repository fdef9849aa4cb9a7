import Platform

extension ConnectionState {
    /// When `tick` has something to do, if nothing happens before.
    var deadline: MonotonicTime {
        switch phase {
        case .proxyHeader:
            return idleSince + (isShuttingDown ? Self.lastHead : context.timeouts.requestHead)
        case .handshake:
            return idleSince + (isShuttingDown ? Self.lastHead : context.timeouts.handshake)
        case .head:
            let input = headClock.map { begun in
                let due = begun + context.timeouts.requestHead
                return isShuttingDown ? min(due, idleSince + Self.lastHead) : due
            }
            let lastMoment = hasAsked ? Self.lastCall : Self.lastHead
            let mayIdle = isShuttingDown ? lastMoment : context.timeouts.keepAliveIdle
            let idle = output.isEmpty ? idleSince + mayIdle : .distantFuture
            return min(input ?? idle, writeClock?.deadline ?? .distantFuture)
        case .exchange, .closing:
            return min(bodyClock?.deadline ?? .distantFuture, writeClock?.deadline ?? .distantFuture)
        case .lingering: return lingerUntil
        case .closed: return .distantFuture
        }
    }

    /// The time has come that `deadline` named, or may have.
    mutating func tick(now: MonotonicTime) -> Action? {
        guard deadline <= now else { return nil }
        if let writeClock, writeClock.deadline <= now { return abort() }
        switch phase {
        case .proxyHeader: return .distrust(ProxyHeaderError("it did not come in time"))
        case .head where headClock != nil:
            refuseHead(.requestTimeout("The head of the request did not come in time."), Span(), now: now)
            return nil
        case .exchange: return bodyTimedOut(now: now)
        case .handshake, .head, .closing, .lingering, .closed: return abort()
        }
    }

    private mutating func bodyTimedOut(now: MonotonicTime) -> Action? {
        let use = exchange?.bodyUse
        abandonBody()
        switch use {
        case .deliver: return .failBody(.timedOut)
        case .discard(.start), .discard(.answer): answer(HTTPProblem(.timedOut), now: now)
        default: break
        }
        return nil
    }

    /// The kernel has taken `count` bytes of the output, perhaps none.
    mutating func sent(_ count: Int, now: MonotonicTime) {
        output.advance(by: count)
        if output.isEmpty {
            writeClock = nil
            idleSince = now
        } else if writeClock == nil {
            writeClock = ProgressClock(
                idle: context.timeouts.writeIdle, minimumBytesPerSecond: context.timeouts.minimumBytesPerSecond,
                now: now)
        } else {
            writeClock?.moved(count, now: now)
        }
    }

    /// To be asked after sending: once the last answer is out, our side ends; the client is given the time to read
    /// it, since closing at once would throw away what it has not read if it still sends (RFC 9112, 9.6).
    mutating func afterSending(now: MonotonicTime) -> Action? {
        guard case .closing = phase, output.isEmpty else { return nil }
        if inputEnded {
            phase = .closed
            return .close
        }
        phase = .lingering
        lingerUntil = now + context.timeouts.linger
        return .halfClose
    }

    /// The client has ended its side. It may still read, so a request that is under way is answered.
    mutating func endInput() -> Action? {
        inputEnded = true
        guard case .lingering = phase else { return nil }
        phase = .closed
        return .close
    }

    /// The server ends: answers say so from now on. A client that is idle has a last moment, since its next request may
    /// be on the way; if it comes it is answered, and if not the connection ends. One that has only just connected is
    /// about to ask: it is waited for as for a head that has begun.
    mutating func shutDown(now: MonotonicTime) {
        isShuttingDown = true
        idleSince = now
    }

    private static let lastCall = Duration.milliseconds(100)
    /// What a head that has begun is given to be complete, and the first one to come: what is not was never accepted.
    private static let lastHead = Duration.seconds(1)
}

/// Watches bytes that should move: they may not stand still for long, nor drip.
struct ProgressClock: Sendable {
    private let idle: Duration
    private let minimumBytesPerSecond: Int
    private var started: MonotonicTime
    private var lastMoved: MonotonicTime
    private var bytes = 0
    private var pausedAt: MonotonicTime?

    /// - Parameters:
    ///   - idle: the longest time without a byte; also the time at the start in which the rate does not count.
    ///   - minimumBytesPerSecond: the rate that must hold on average after that.
    init(idle: Duration, minimumBytesPerSecond: Int, now: MonotonicTime) {
        self.idle = idle
        self.minimumBytesPerSecond = max(1, minimumBytesPerSecond)
        started = now
        lastMoved = now
    }

    /// When the bytes will have been too slow, if none moves before.
    var deadline: MonotonicTime {
        guard pausedAt == nil else { return .distantFuture }
        let (seconds, rest) = bytes.quotientAndRemainder(dividingBy: minimumBytesPerSecond)
        let earned = Duration.seconds(seconds) + .milliseconds(rest * 1000 / minimumBytesPerSecond)
        return min(lastMoved + idle, started + (idle + earned))
    }

    mutating func moved(_ count: Int, now: MonotonicTime) {
        guard count > 0 else { return }
        bytes += count
        lastMoved = now
    }

    /// Stops the clock while the other side is not to blame.
    mutating func pause(now: MonotonicTime) {
        if pausedAt == nil { pausedAt = now }
    }

    mutating func resume(now: MonotonicTime) {
        guard let pause = pausedAt else { return }
        let length = now - pause
        started = started + length
        lastMoved = lastMoved + length
        pausedAt = nil
    }
}

/// How idle a connection is that has no request under way. The lesser one is missed less.
struct Idleness: Comparable {
    /// Whether something has begun that could become a request: a part of a head, or what comes before the first one.
    let hasBegun: Bool
    let since: MonotonicTime

    static func < (left: Idleness, right: Idleness) -> Bool {
        left.hasBegun == right.hasBegun ? left.since < right.since : !left.hasBegun
    }
}

/// A connection that was found idle.
struct IdleConnection: Sendable {
    let loop: EventLoop
    let token: ConnectionTable.Token
    let idleness: Idleness
}

extension ConnectionState {
    /// Nil while a request or an answer is under way, or the end of the connection is.
    var idleness: Idleness? {
        guard output.isEmpty else { return nil }
        switch phase {
        case .proxyHeader, .handshake: return Idleness(hasBegun: true, since: idleSince)
        case .head: return Idleness(hasBegun: headClock != nil, since: headClock ?? idleSince)
        case .exchange, .closing, .lingering, .closed: return nil
        }
    }
}
