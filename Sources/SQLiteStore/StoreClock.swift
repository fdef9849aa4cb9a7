import Jobs
import Platform

/// The store's time: it goes on while the process runs as the monotonic clock does, and while it does not as the time of
/// day did, but never back. So what lasts a certain time lasts that long whatever is done to the time of day.
struct StoreClock: Sendable {
    /// What is added to the monotonic clock.
    private let offset: Int64
    /// By how much it went on at the start, for the time of day said that no process ran for so long; in nanoseconds.
    let away: Int64

    /// A clock that goes on from what was written last.
    ///
    /// - Parameters:
    ///   - written: the store's time in nanoseconds, and the time of day in milliseconds, when they were written
    ///   - latest: the latest time that stands in the store
    init(written: (store: Int64, wall: Int64)?, latest: Int64, wall: WallTime, now: MonotonicTime) {
        var time = latest
        if let written {
            let away = max(wall.milliseconds &- written.wall, 0).multipliedReportingOverflow(by: 1_000_000)
            let (resumed, overflow) = written.store.addingReportingOverflow(away.overflow ? .max : away.partialValue)
            // A clock that has gone on for centuries is one that was set wrong.
            time = max(time, overflow ? written.store : resumed)
        }
        let difference = time.subtractingReportingOverflow(max(latest, written?.store ?? latest))
        away = difference.overflow ? .max : difference.partialValue
        offset = time &- now.nanoseconds
    }

    /// A reading of the monotonic clock as it is stored.
    func stored(_ time: MonotonicTime) -> Int64 {
        let (sum, overflow) = time.nanoseconds.addingReportingOverflow(offset)
        return overflow ? (offset < 0 ? .min : .max) : sum
    }

    /// What is stored as a reading of the monotonic clock.
    func read(_ stored: Int64) -> MonotonicTime {
        let (difference, overflow) = stored.subtractingReportingOverflow(offset)
        return MonotonicTime(nanoseconds: overflow ? (offset < 0 ? .max : .min) : difference)
    }
}
