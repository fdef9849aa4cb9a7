/// The Date field line of answers, made once a second. It belongs to one event loop.
final class DateLine {
    private let secondsSinceEpoch: () -> Int
    private var second = Int.min
    private var line: [UInt8] = []

    /// - Parameter secondsSinceEpoch: the wall clock.
    init(secondsSinceEpoch: @escaping () -> Int) {
        self.secondsSinceEpoch = secondsSinceEpoch
    }

    /// `Date: …` with its CR LF, of this second.
    func current() -> [UInt8] {
        let now = secondsSinceEpoch()
        if now != second {
            second = now
            line = Array("Date: \(HTTPDate.string(secondsSinceEpoch: now))\r\n".utf8)
        }
        return line
    }
}
