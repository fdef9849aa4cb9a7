import Histogram
import Platform

/// What came of a request.
enum LoadOutcome: Equatable {
    /// What was asked for.
    case answered
    /// Another status than 200.
    case refused(status: Int)
    /// A job that failed.
    case failed
    /// No answer: the connection broke.
    case broken
}

/// One request and what came of it.
struct LoadExchange: Equatable {
    var outcome: LoadOutcome
    var sent = 0
    var received = 0
}

/// What a phase adds up to. Requests count by when they were due; answers a second by when the answers came.
struct LoadTally: Sendable {
    /// Requests that were due within the window.
    private(set) var requests = 0
    /// Those of them that got what they asked for.
    private(set) var answered = 0
    /// Those that got another status than 200, by status.
    private(set) var statuses: [Int: Int] = [:]
    private(set) var failedJobs = 0
    private(set) var broken = 0
    private(set) var bytesSent = 0
    private(set) var bytesReceived = 0
    /// Nanoseconds from when a request was due to its answer, of those that were answered.
    private(set) var latencies = Histogram<UInt64>(
        lowestDiscernibleValue: 1_000, highestTrackableValue: 3_600_000_000_000, numberOfSignificantValueDigits: .three)
    /// Good answers that came within the window, whenever they were asked for.
    private(set) var answersInWindow = 0
    /// The longest that a request stood in line before it was sent.
    private(set) var longestLine = Duration.zero

    /// Counts a request that was due, begun and ended at these times.
    mutating func record(
        _ exchange: LoadExchange, due: MonotonicTime, begun: MonotonicTime, ended: MonotonicTime, counted: Bool,
        window: Range<MonotonicTime>
    ) {
        if exchange.outcome == .answered, window.contains(ended) { answersInWindow += 1 }
        guard counted else { return }
        requests += 1
        bytesSent += exchange.sent
        bytesReceived += exchange.received
        longestLine = max(longestLine, begun - due)
        switch exchange.outcome {
        case .answered:
            answered += 1
            let nanoseconds = UInt64(max(0, ended.nanoseconds - due.nanoseconds))
            latencies.record(min(nanoseconds, latencies.highestTrackableValue))
        case .refused(let status): statuses[status, default: 0] += 1
        case .failed: failedJobs += 1
        case .broken: broken += 1
        }
    }

    /// Requests that were sent and did not get what they asked for.
    var errors: Int { requests - answered }

    /// The errors in words, such as `429 x 12, broken connections x 1`.
    var errorText: String {
        var parts = statuses.sorted { $0.key < $1.key }.map { "\($0.key) x \($0.value)" }
        if failedJobs > 0 { parts.append("failed jobs x \(failedJobs)") }
        if broken > 0 { parts.append("broken connections x \(broken)") }
        return parts.joined(separator: ", ")
    }
}
