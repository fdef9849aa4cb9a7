import Platform

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
