import Jobs

/// A stretch of time that the time of day says went by while no process ran, and that is too long to be believed at once: the
/// clock may have been set wrong, and what is removed by it is gone for good.
///
/// As long as it is held, what expires does so as if it had not been. After a day of this machine's own clock it counts, as
/// far as the time of day still says so; or at once, where an operator says that the clock is right. Deadlines are not held:
/// a job that is too late fails, which can be seen.
struct ClockJump: Sendable, Equatable {
    /// Less than that is believed.
    static let likely = Duration.seconds(86_400)
    /// For how long more than that is held.
    static let trial = Duration.seconds(86_400)

    /// When it was found, by the store's clock, in nanoseconds.
    let since: Int64
    /// When it was found, by the time of day, in milliseconds.
    let wall: Int64
    /// How long it is, in nanoseconds.
    let length: Int64

    /// What of it is held at a moment, in nanoseconds.
    func held(store: Int64, wall now: WallTime) -> Int64 {
        let passed = store.subtractingReportingOverflow(since)
        guard !passed.overflow, passed.partialValue >= Self.trial.nanosecondsClamped else { return length }
        // What the time of day was set back by meanwhile.
        let shown = now.milliseconds.subtractingReportingOverflow(wall)
        let elapsed = shown.partialValue.multipliedReportingOverflow(by: 1_000_000)
        guard !shown.overflow, !elapsed.overflow else { return length }
        let less = passed.partialValue.subtractingReportingOverflow(elapsed.partialValue)
        return less.overflow ? length : min(max(less.partialValue, 0), length)
    }

    /// Whether the time of day is back to before it, so that the jump is what was wrong.
    func isContradicted(by now: WallTime) -> Bool {
        let back = wall.subtractingReportingOverflow(now.milliseconds)
        return back.overflow ? wall > now.milliseconds : back.partialValue > length / 2_000_000
    }

    /// What is held once time has jumped by `away` nanoseconds at the start of a process; nil where nothing is.
    ///
    /// - Parameters:
    ///   - before: what was held when the time was written last
    ///   - store: the store's time now, with the jump
    static func found(_ away: Int64, before: ClockJump?, store: Int64, wall: WallTime) -> ClockJump? {
        guard away > likely.nanosecondsClamped else { return before }
        // Of an older one that much is not believed yet either.
        let old = before?.held(store: store &- away, wall: wall) ?? 0
        let (length, overflow) = away.addingReportingOverflow(old)
        return ClockJump(since: store, wall: wall.milliseconds, length: overflow ? .max : length)
    }
}
