import Platform

/// A time of day as people read it: milliseconds since the beginning of 1970, UTC.
///
/// It may jump; what has to last a certain time goes by ``MonotonicTime``.
public struct WallTime: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public let milliseconds: Int64

    /// The time so many milliseconds after the beginning of 1970.
    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// The time `duration` later.
    func later(by duration: Duration) -> WallTime {
        let (sum, overflow) = milliseconds.addingReportingOverflow(duration.wholeNanoseconds / 1_000_000)
        return WallTime(milliseconds: overflow ? .max : sum)
    }

    /// Whether the left one is earlier.
    public static func < (left: WallTime, right: WallTime) -> Bool { left.milliseconds < right.milliseconds }
}

extension WallTime: CustomStringConvertible {
    private static let millisecondsADay: Int64 = 86_400_000

    /// The time as RFC 3339 writes it, such as `2026-01-01T00:00:00.000Z`.
    public var description: String {
        var days = milliseconds / WallTime.millisecondsADay
        var rest = milliseconds % WallTime.millisecondsADay
        if rest < 0 {
            rest += WallTime.millisecondsADay
            days -= 1
        }
        let (year, month, day) = WallTime.date(daysSince1970: days)
        let clock =
            "\(padded(rest / 3_600_000, 2)):\(padded(rest / 60_000 % 60, 2)):\(padded(rest / 1_000 % 60, 2))"
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T\(clock).\(padded(rest % 1_000, 3))Z"
    }

    /// The Gregorian date; years are counted from March, so that the leap day ends one.
    private static func date(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let daysFromYearZero = daysSince1970 + 719_468
        let cycle = (daysFromYearZero >= 0 ? daysFromYearZero : daysFromYearZero - 146_096) / 146_097
        let dayOfCycle = daysFromYearZero - cycle * 146_097
        let yearOfCycle = (dayOfCycle - dayOfCycle / 1_460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
        let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfCycle + cycle * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}

/// The number with zeros before it, up to `width` digits.
private func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}
