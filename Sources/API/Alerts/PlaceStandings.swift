import Jobs
import Platform

/// What a place and a job have to do with each other.
struct AlertKey: Hashable, Sendable {
    let job: JobID
    let place: Int
}

/// How it stands with each place: whether it is left alone for a while since it failed, and what it does not take though it takes
/// others.
struct PlaceStandings: Sendable {
    /// The longest that a place which failed is left alone.
    private static let longestRest = Duration.seconds(60)
    /// The longest that it is where it has asked for that.
    private static let longestAsked = Duration.seconds(3_600)
    /// The longest that what a place does not take waits, while it takes others.
    private static let longestDelay = Duration.seconds(600)
    /// Jobs that places did not take, as far as they are remembered.
    private static let mostUntaken = 4_096

    /// What came of a failed try.
    enum Failure: Equatable {
        /// The place is left alone; whether it had not failed before.
        case ofPlace(isFirst: Bool)
        /// The place takes others: this job alone waits, for so long.
        case ofJob(Duration)
    }

    /// Until when a place that failed is left alone, and how often that was in a row.
    private var rest: [Int: (until: MonotonicTime, failures: Int)] = [:]
    /// How often each place was told something.
    private var told: [Int: Int] = [:]
    /// Of what was not taken: how much its place had been told by then, and how often that was more than the time before.
    private var untaken: [AlertKey: (told: Int, strikes: Int)] = [:]

    /// Whether a place is left alone, or was at its last try.
    func rests(_ place: Int) -> Bool { rest[place] != nil }

    /// Whether a place may be told something now.
    func mayTell(_ place: Int, at now: MonotonicTime) -> Bool { (rest[place]?.until ?? now) <= now }

    /// When a place that failed is tried again; nil where it may be told at once.
    func nextTry(of place: Int) -> MonotonicTime? { rest[place]?.until }

    /// A place is there again.
    mutating func reached(_ place: Int) { rest[place] = nil }

    /// A place was told something.
    mutating func told(_ place: Int) {
        rest[place] = nil
        told[place, default: 0] += 1
    }

    /// There is nothing left to be told.
    mutating func settle(_ key: AlertKey) { untaken[key] = nil }

    /// A place did not take what is to be told of a job.
    ///
    /// - Parameter asked: how long it wants to be left alone
    mutating func fail(_ key: AlertKey, _ asked: Duration?, at now: MonotonicTime) -> Failure {
        let strikes = strike(key)
        if strikes > 0, asked == nil {
            return .ofJob(min(.seconds(1) * (1 << min(strikes, 10)), Self.longestDelay))
        }
        let failures = (rest[key.place]?.failures ?? 0) + 1
        let own = min(.milliseconds(500) * (1 << min(failures, 8)), Self.longestRest)
        rest[key.place] = (now + max(own, min(asked ?? .zero, Self.longestAsked)), failures)
        return .ofPlace(isFirst: failures == 1)
    }

    /// How often the place has taken others between two tries of this, so that the fault is not the place's.
    private mutating func strike(_ key: AlertKey) -> Int {
        let told = told[key.place] ?? 0
        guard let before = untaken[key] else {
            if untaken.count < Self.mostUntaken { untaken[key] = (told, 0) }
            return 0
        }
        let strikes = before.strikes + (told > before.told ? 1 : 0)
        untaken[key] = (told, strikes)
        return strikes
    }
}
