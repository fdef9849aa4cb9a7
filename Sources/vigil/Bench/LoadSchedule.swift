import Platform

/// When the requests of a phase are sent: a warm-up that does not count, then the window that does.
struct LoadSchedule: Sendable {
    /// What makes a client send.
    enum Pace: Equatable, Sendable {
        /// The answer to its last request.
        case closed
        /// The time alone: so many requests a second in all, whatever the answers do.
        case open(rate: Double)
    }

    /// What a client that is free does next.
    enum Turn: Equatable {
        /// Waits until `due`, if that is to come, and sends. Latency is measured from `due`: where no client was free
        /// then, the request has stood in line since.
        case send(due: MonotonicTime, counted: Bool)
        case ended
    }

    /// Requests that were due but never sent.
    struct Unsent: Equatable {
        let count: Int
        /// How long the first of them had stood in line at the end.
        let behind: Duration
    }

    let pace: Pace
    let begin: MonotonicTime
    /// When the window begins.
    let start: MonotonicTime
    /// When the window ends, and with it the sending.
    private(set) var end: MonotonicTime
    private var warming = 0
    private var sent = 0

    init(pace: Pace, begin: MonotonicTime, warmup: Duration, length: Duration) {
        self.pace = pace
        self.begin = begin
        start = begin + warmup
        end = start + length
    }

    /// The window's length.
    var length: Duration { max(.zero, end - start) }

    /// Requests that are due within the window; nil where the answers set the pace.
    var due: Int? {
        guard case .open(let rate) = pace else { return nil }
        let count = (length.milliseconds / 1e3 * rate).rounded(.up)
        return Int(exactly: count) ?? .max
    }

    var unsent: Unsent? {
        guard let due, sent < due else { return nil }
        return Unsent(count: due - sent, behind: end - time(of: sent, since: start))
    }

    /// What a client does that is free at `now`.
    mutating func next(at now: MonotonicTime) -> Turn {
        guard now < end else { return .ended }
        guard let due else { return .send(due: now, counted: now >= start) }
        // What is left of the warm-up when the window begins is dropped: it must not stand in the window's line.
        if now < start {
            let time = time(of: warming, since: begin)
            if time < start {
                warming += 1
                return .send(due: time, counted: false)
            }
        }
        guard sent < due else { return .ended }
        defer { sent += 1 }
        return .send(due: time(of: sent, since: start), counted: true)
    }

    /// Nothing is sent from `now` on.
    mutating func stop(at now: MonotonicTime) { end = min(end, now) }

    private func time(of index: Int, since base: MonotonicTime) -> MonotonicTime {
        guard case .open(let rate) = pace else { return base }
        return base + .nanoseconds(Int64((Double(index) / rate * 1e9).rounded()))
    }
}

/// Where the load takes its time from, on threads that may block.
protocol LoadClock: Sendable {
    /// The time to measure with.
    var now: MonotonicTime { get }
    /// Blocks until `now` has reached `time`.
    func wait(until time: MonotonicTime)
}

/// The machine's clock.
struct SystemLoadClock: LoadClock {
    var now: MonotonicTime { .now }

    func wait(until time: MonotonicTime) {
        var deadline = time.systemTime
        while clock_nanosleep(CLOCK_MONOTONIC, Int32(TIMER_ABSTIME), &deadline, nil) == EINTR {}
    }
}

extension Duration {
    /// The duration in milliseconds, to the nanosecond.
    var milliseconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) * 1e3 + Double(attoseconds / 1_000_000_000) / 1e6
    }
}
