/// When a notice that was not taken is sent again: after growing delays, for a day.
///
/// Each delay is drawn from a range around its step, so that notices which failed together do not come back together.
public struct RetrySchedule: Sendable, Equatable {
    /// The delay after the first failed try, the second, and so on; the last one goes for all after it.
    public var steps: [Duration]
    /// The part of a step by which a delay may be shorter or longer, from 0 to 1.
    public var jitter: Double
    /// How long after the job's end a try may still begin.
    public var window: Duration

    /// A schedule from its parts; by default about a dozen tries in a day.
    public init(
        steps: [Duration] = [
            .seconds(5), .seconds(30), .seconds(120), .seconds(600), .seconds(1800), .seconds(3600), .seconds(7200),
            .seconds(14_400),
        ],
        jitter: Double = 0.2, window: Duration = .seconds(86_400)
    ) {
        self.steps = steps
        self.jitter = min(max(jitter, 0), 1)
        self.window = window
    }

    /// How long to wait after a failed try; nil where the window would be passed, and the notice is given up.
    ///
    /// - Parameters:
    ///   - failures: how many tries have failed, this one included
    ///   - elapsed: the time since the job's end
    ///   - retryAfter: what the receiver asked for: the delay is no shorter, but the window holds
    ///   - random: the source of chance
    public func delay(
        afterFailures failures: Int, elapsed: Duration, retryAfter: Duration? = nil,
        using random: inout some RandomNumberGenerator
    ) -> Duration? {
        guard let last = steps.last else { return nil }
        let step = failures <= steps.count ? steps[max(failures, 1) - 1] : last
        let delay = step * Double.random(in: 1 - jitter...1 + jitter, using: &random)
        // A clock that was set back makes the past longer, not the future.
        let left = window - max(elapsed, .zero)
        guard delay <= left else { return nil }
        return min(max(delay, retryAfter ?? .zero), left)
    }
}
