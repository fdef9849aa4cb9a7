import Platform

/// A time of day as people read it: milliseconds since the beginning of 1970, UTC.
///
/// It may jump; what has to last a certain time goes by `MonotonicTime`.
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
    /// The time as RFC 3339 writes it, such as `2026-01-01T00:00:00.000Z`.
    public var description: String {
        let (days, past) = CalendarDate.day(ofMilliseconds: milliseconds)
        let (date, rest) = (CalendarDate(daysSince1970: Int(days)), Int(past))
        let day = "\(String(date.year, digits: 4))-\(String(date.month, digits: 2))-\(String(date.day, digits: 2))"
        let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60)
        let clock = "\(String(hour, digits: 2)):\(String(minute, digits: 2)):\(String(second, digits: 2))"
        return "\(day)T\(clock).\(String(rest % 1_000, digits: 3))Z"
    }
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
        let date = CalendarDate(year: Int(year), month: Int(month), day: Int(day))
        let days = Int64(date.daysSince1970)
        self.init(milliseconds: ((days * 24 + hour) * 60 + minute - offset) * 60_000 + second * 1_000 + fraction)
    }

    private static func days(of month: Int64, in year: Int64) -> Int64 {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
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
            guard ASCII.isDigit(byte) else { return nil }
            value = value * 10 + Int64(byte - ASCII.zero)
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
