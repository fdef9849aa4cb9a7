/// A day of the Gregorian calendar, in UTC. Years are counted from March inside, so that the leap day ends one.
public struct CalendarDate: Equatable, Sendable {
    /// The year, which may be 0 or less.
    public let year: Int
    /// The month, from 1.
    public let month: Int
    /// The day of the month, from 1.
    public let day: Int

    /// Names of the months, as HTTP has them.
    public static let monthNames = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The first of March of the year 0 lies so many days before 1970.
    private static let shift = 719_468

    /// A day as it is written.
    public init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// The day so many days after the first of 1970, counted in eras of 400 years.
    public init(daysSince1970: Int) {
        let shifted = daysSince1970 + Self.shift
        let era = Self.floored(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Days since the first of 1970.
    public var daysSince1970: Int {
        let shifted = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return shifted * 365 + Self.floored(shifted, 4) - Self.floored(shifted, 100) + Self.floored(shifted, 400)
            + dayOfYear - Self.shift
    }

    /// The day that so many milliseconds after the beginning of 1970 lie on, as days since then, and how many of them are past
    /// its beginning.
    public static func day(ofMilliseconds milliseconds: Int64) -> (daysSince1970: Int64, rest: Int64) {
        let (quotient, rest) = milliseconds.quotientAndRemainder(dividingBy: millisecondsADay)
        return rest < 0 ? (quotient - 1, rest + millisecondsADay) : (quotient, rest)
    }

    /// The milliseconds of a day.
    public static let millisecondsADay: Int64 = 86_400_000

    private static func floored(_ number: Int, _ divisor: Int) -> Int {
        number >= 0 ? number / divisor : -((divisor - 1 - number) / divisor)
    }
}

extension String {
    /// A whole number of at least so many digits, with zeros before it.
    public init(_ number: Int, digits: Int) {
        let written = String(number)
        self = String(repeating: "0", count: Swift.max(0, digits - written.utf8.count)) + written
    }
}
