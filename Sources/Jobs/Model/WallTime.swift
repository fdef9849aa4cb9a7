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

extension WallTime {
    /// Reads a time as RFC 3339 writes it, such as `2026-01-01T12:30:00.5+01:00`, to the millisecond; nil for anything
    /// else, and for days that no month has.
    public init?(_ text: String) {
        var digits = DateDigits(text)
        guard let year = digits.number(4), digits.take("-"), let month = digits.number(2), digits.take("-"),
            let day = digits.number(2), digits.take("Tt "), let hour = digits.number(2), digits.take(":"),
            let minute = digits.number(2), digits.take(":"), let second = digits.number(2),
            let fraction = digits.fraction(), let offset = digits.offset(), digits.isAtEnd,
            (1...12).contains(month), (1...Self.days(of: month, in: year)).contains(day), hour < 24, minute < 60,
            second <= 60
        else { return nil }
        let days = Self.daysSince1970(year, month, day)
        self.init(milliseconds: ((days * 24 + hour) * 60 + minute - offset) * 60_000 + second * 1_000 + fraction)
    }

    private static func days(of month: Int64, in year: Int64) -> Int64 {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// Years are counted from March, so that the leap day ends one.
    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let years = month > 2 ? year : year - 1
        let months = (month + 9) % 12
        let days = 365 * years + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + day - 1
        return days - 719_468
    }
}

/// Reads the parts of a date, one after another.
private struct DateDigits {
    private var rest: Substring.UTF8View

    init(_ text: String) { rest = text[...].utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func take(_ accepted: StaticString) -> Bool {
        guard let byte = rest.first, accepted.description.utf8.contains(byte) else { return false }
        rest.removeFirst()
        return true
    }

    mutating func number(_ count: Int) -> Int64? {
        guard rest.count >= count else { return nil }
        var value: Int64 = 0
        for byte in rest.prefix(count) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        rest = rest.dropFirst(count)
        return value
    }

    /// Milliseconds of a fraction of a second; 0 without one.
    mutating func fraction() -> Int64? {
        guard take(".") else { return 0 }
        var milliseconds: Int64 = 0
        var scale: Int64 = 100
        var count = 0
        while let digit = number(1) {
            milliseconds += digit * scale
            scale /= 10
            count += 1
        }
        return (1...9).contains(count) ? milliseconds : nil
    }

    /// Minutes east of Greenwich.
    mutating func offset() -> Int64? {
        if take("Zz") { return 0 }
        let isEast = rest.first == UInt8(ascii: "+")
        guard take("+-"), let hours = number(2), take(":"), let minutes = number(2), hours < 24, minutes < 60 else {
            return nil
        }
        return (isEast ? 1 : -1) * (hours * 60 + minutes)
    }
}
