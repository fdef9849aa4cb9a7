import Platform

/// When a receiver wants to be asked again (RFC 9110, 10.2.3).
enum RetryAfter {
    /// No receiver is waited for longer.
    static let longest = Duration.seconds(86_400)
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Reads seconds, or a date such as `Sun, 06 Nov 1994 08:49:37 GMT`; nil for anything else.
    ///
    /// - Parameter now: seconds since 1970, which a date is counted from
    /// - Returns: from nothing to a day
    static func delay(_ text: String, now: Int) -> Duration? {
        let digits = text.utf8
        if !digits.isEmpty, digits.allSatisfy(ASCII.isDigit) {
            // More digits than that are more than a day, whatever they are.
            guard let seconds = ASCII.number(digits.drop { $0 == UInt8(ascii: "0") }, most: 9) else {
                return digits.allSatisfy { $0 == UInt8(ascii: "0") } ? .zero : longest
            }
            return min(.seconds(seconds), longest)
        }
        return date(text).map { min(max(.seconds($0 - now), .zero), longest) }
    }

    /// Seconds since 1970 of a date as HTTP writes it.
    private static func date(_ text: String) -> Int? {
        let parts = text.pieces(between: ASCII.space)
        guard parts.count == 6, parts[5] == "GMT", parts[0].utf8.count == 4, parts[0].ends(with: ","),
            let day = ASCII.number(parts[1].utf8, most: 2), let month = months.firstIndex(of: String(parts[2])),
            parts[3].utf8.count == 4, let year = ASCII.number(parts[3].utf8, most: 4)
        else { return nil }
        let clock = parts[4].pieces(between: ASCII.colon)
            .compactMap { $0.utf8.count == 2 ? ASCII.number($0.utf8, most: 2) : nil }
        guard clock.count == 3, (1...31).contains(day), clock[0] < 24, clock[1] < 60, clock[2] <= 60 else { return nil }
        return days(year, month, day) * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
    }

    /// Days since 1970 of a Gregorian date, with the leap day at the end of a year that begins in March.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month < 2 ? year - 1 : year
        let monthFromMarch = (month + 10) % 12
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        // Of era year 0 the first of March lies 719,468 days before 1970.
        return shifted * 365 + floored(shifted, 4) - floored(shifted, 100) + floored(shifted, 400) + dayOfYear - 719_468
    }

    private static func floored(_ number: Int, _ divisor: Int) -> Int {
        number >= 0 ? number / divisor : -((divisor - 1 - number) / divisor)
    }
}
