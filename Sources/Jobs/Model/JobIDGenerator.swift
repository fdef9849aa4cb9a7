/// Makes job IDs that only ever grow, also within a millisecond and when the wall clock is set back.
package struct JobIDGenerator: Sendable {
    private static let largestTime: UInt64 = (1 << 48) - 1

    private var milliseconds: UInt64 = 0
    private var randomHigh: UInt16 = 0
    private var randomLow: UInt64 = 0

    /// A generator that has made none yet.
    package init() {}

    /// One whose IDs come after `last`.
    package init(after last: JobID) {
        milliseconds = last.high >> 16
        randomHigh = UInt16(truncatingIfNeeded: last.high)
        randomLow = last.low
    }

    /// The next ID: new random bits in a new millisecond, else the last ID's random bits plus one.
    ///
    /// A clock that went back counts as one that stands still. When the random bits are used up, the next millisecond
    /// is begun early.
    package mutating func next(at time: WallTime, using random: inout some RandomNumberGenerator) -> JobID {
        let now = min(UInt64(max(time.milliseconds, 0)), JobIDGenerator.largestTime)
        if now > milliseconds {
            begin(millisecond: now, using: &random)
        } else {
            let (low, carried) = randomLow.addingReportingOverflow(1)
            let (high, spent) = randomHigh.addingReportingOverflow(carried ? 1 : 0)
            (randomLow, randomHigh) = (low, high)
            if spent { begin(millisecond: milliseconds + 1, using: &random) }
        }
        return JobID(milliseconds: milliseconds, randomHigh: randomHigh, randomLow: randomLow)
    }

    private mutating func begin(millisecond: UInt64, using random: inout some RandomNumberGenerator) {
        milliseconds = millisecond
        randomHigh = random.next()
        randomLow = random.next()
    }
}
