import Platform

/// What an account may hand in on a day of UTC; nil where that is not bounded.
public struct DailyQuota: Sendable, Hashable {
    /// How many jobs.
    public var jobs: Int?
    /// How many bytes of input.
    public var bytes: Int?
    /// How many units of ``NewJob/units``.
    public var units: Int?

    /// Bounds of a day.
    public init(jobs: Int? = nil, bytes: Int? = nil, units: Int? = nil) {
        self.jobs = jobs
        self.bytes = bytes
        self.units = units
    }

    /// Whether it bounds nothing.
    public var isUnbounded: Bool { jobs == nil && bytes == nil && units == nil }
}

/// Who hands in jobs, where what that is on a day is bounded.
public struct Account: Sendable, Hashable {
    /// By which it is counted.
    public let name: String
    /// What it may hand in.
    public let quota: DailyQuota

    /// An account of this name.
    public init(name: String, quota: DailyQuota) {
        self.name = name
        self.quota = quota
    }
}

/// What an account has handed in on a day.
public struct DailyUsage: Sendable, Equatable {
    /// The day, in days since 1970.
    public let day: Int64
    /// How many jobs.
    public var jobs: Int
    /// The bytes of their inputs.
    public var bytes: Int
    /// Their units.
    public var units: Int

    package init(day: Int64, jobs: Int = 0, bytes: Int = 0, units: Int = 0) {
        self.day = day
        self.jobs = jobs
        self.bytes = bytes
        self.units = units
    }

    /// What counts at a time: the same on its day, and also where the clock was set back over midnight; else nothing yet.
    func current(at wall: WallTime) -> DailyUsage {
        let today = CalendarDate.day(ofMilliseconds: wall.milliseconds).daysSince1970
        return day == today || day == today + 1 ? self : DailyUsage(day: today)
    }

    /// The seconds until its day is over, at least 1.
    func secondsLeft(at wall: WallTime) -> Int {
        let left = (day + 1) * CalendarDate.millisecondsADay - wall.milliseconds
        return Int(max((left + 999) / 1_000, 1))
    }
}

extension Account {
    /// What it has handed in once `jobs` of so many bytes and units are.
    ///
    /// - Parameter usage: what was counted last; nil for nothing
    /// - Throws: where that is beyond a bound
    package func charged(
        _ usage: DailyUsage?, jobs: Int, bytes: Int, units: Int, at wall: WallTime
    ) throws(QuotaExcess) -> DailyUsage {
        var sum = (usage ?? DailyUsage(day: .min)).current(at: wall)
        let left = sum.secondsLeft(at: wall)
        func add(_ asked: Int, to used: inout Int, _ measure: QuotaExcess.Measure, _ limit: Int?) throws(QuotaExcess) {
            let (total, overflow) = used.addingReportingOverflow(asked)
            if let limit, overflow || total > limit {
                throw QuotaExcess(
                    account: name, measure: measure, limit: limit, used: used, asked: asked, retryAfterSeconds: left)
            }
            used = overflow ? .max : total
        }
        try add(jobs, to: &sum.jobs, .jobs, quota.jobs)
        try add(bytes, to: &sum.bytes, .bytes, quota.bytes)
        try add(units, to: &sum.units, .units, quota.units)
        return sum
    }

    /// What it has handed in once some of that has turned out to be so many units more, or fewer; these are given back where they were
    /// counted on this day. What is beyond the bound is not counted, and said.
    package func settled(
        _ usage: DailyUsage?, units: Int, since day: Int64, at wall: WallTime
    ) -> (usage: DailyUsage, excess: QuotaExcess?) {
        var sum = (usage ?? DailyUsage(day: .min)).current(at: wall)
        if units < 0 {
            if sum.day == day { sum.units = max(sum.units + units, 0) }
            return (sum, nil)
        }
        let (total, overflow) = sum.units.addingReportingOverflow(units)
        guard let limit = quota.units, overflow || total > limit else {
            sum.units = overflow ? .max : total
            return (sum, nil)
        }
        let excess = QuotaExcess(
            account: name, measure: .units, limit: limit, used: sum.units, asked: units,
            retryAfterSeconds: sum.secondsLeft(at: wall))
        sum.units = max(sum.units, limit)
        return (sum, excess)
    }

    /// What it has handed in once a submission is.
    package func charged(
        _ usage: DailyUsage?, for submission: Submission, at wall: WallTime
    ) throws(QuotaExcess) -> DailyUsage {
        func sum(_ part: (NewJob) -> Int) -> Int {
            submission.jobs.reduce(0) { sum, job in
                let (total, overflow) = sum.addingReportingOverflow(part(job))
                return overflow ? .max : total
            }
        }
        return try charged(
            usage, jobs: submission.jobs.count, bytes: sum { $0.billedBytes + $0.bytesElsewhere },
            units: sum { $0.units }, at: wall)
    }
}

/// A bound of a day that an account would be beyond.
public struct QuotaExcess: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is counted.
    public enum Measure: String, Sendable {
        case jobs
        case bytes
        case units
    }

    /// Whose bound it is.
    public let account: String
    /// What of it is counted.
    public let measure: Measure
    /// How much of it a day has.
    public let limit: Int
    /// How much of it was handed in.
    public let used: Int
    /// How much more was asked for.
    public let asked: Int
    /// The seconds until the day is over.
    public let retryAfterSeconds: Int

    /// Whether no day has so much, so that waiting is of no use.
    public var fitsNever: Bool { asked > limit }

    /// What was wrong, in a sentence.
    public var description: String { sentence(of: measure.rawValue) }

    /// The same, where what is counted is called so.
    public func sentence(of things: String) -> String {
        fitsNever
            ? "This request has \(asked) \(things), and \(account) may hand in \(limit) a day (UTC)."
            : "\(account) has handed in \(used) of the \(limit) \(things) that it may a day (UTC), and this request has "
                + "\(asked) more; the next day begins in \(retryAfterSeconds) s."
    }
}
