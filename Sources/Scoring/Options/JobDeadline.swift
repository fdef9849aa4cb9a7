import Jobs

/// When a job must have been begun: so long after it was accepted, or at a time of day.
public enum JobDeadline: Sendable, Equatable {
    /// After so long.
    case after(Duration)
    /// At this time.
    case at(WallTime)

    /// The most seconds that a job can be told to wait, 30 days.
    private static let mostSeconds = 2_592_000.0

    /// Reads seconds, or a time as in RFC 3339.
    public init(_ text: String) throws(OptionError) {
        let isDecimal = !text.isEmpty && text.utf8.allSatisfy { "0123456789.".utf8.contains($0) }
        if isDecimal, let seconds = Double(text), (0...Self.mostSeconds).contains(seconds) {
            self = .after(.milliseconds(Int64((seconds * 1_000).rounded())))
        } else if let time = WallTime(text) {
            self = .at(time)
        } else {
            let fault = GivenValue.number(text) == nil ? "is neither" : "is out of range"
            throw OptionError(
                name: "deadline",
                problem:
                    "'\(text.prefix(40))' \(fault): expected seconds from 0 to \(Int(Self.mostSeconds)), or a "
                    + "time such as 2026-01-01T12:00:00Z")
        }
    }

    /// How long from `now` that is, at least nothing.
    func duration(from now: WallTime) -> Duration {
        switch self {
        case .after(let duration): duration
        case .at(let time):
            .milliseconds(max(0, time.milliseconds.subtractingReportingOverflow(now.milliseconds).partialValue))
        }
    }
}
