import HTTPClient
import Platform

/// How long requests of a run are tried again: as long as any of them has succeeded within the patience.
final class Patience: Sendable {
    private struct State {
        var lastGood: MonotonicTime?
        /// Whether anything was ever heard of the server.
        var isThere = false
    }

    /// A server that nothing was ever heard of may not be there at all.
    private static let firstLook = Duration.seconds(5)
    private let limit: Duration
    private let state = Monitor(State())

    init(_ limit: Duration) { self.limit = limit }

    /// A request has succeeded.
    func succeed(at time: MonotonicTime = .now) {
        state.withLock {
            $0.lastGood = max($0.lastGood ?? time, time)
            $0.isThere = true
        }
    }

    /// Whether it is over with a request that has failed since `begun`, were it tried again at `next`.
    ///
    /// - Parameter isThere: whether something was heard of the server, and be it that it ended the connection
    func isOver(since begun: MonotonicTime, next: MonotonicTime, isThere: Bool) -> Bool {
        let (lastGood, wasThere) = state.withLock { state in
            state.isThere = state.isThere || isThere
            return (state.lastGood, state.isThere)
        }
        let limit = wasThere ? limit : min(limit, Self.firstLook)
        return next - max(lastGood ?? begun, begun) > limit
    }
}

/// The pauses between tries: twice as long each time, up to half a minute, and none shorter than the server asks for. By
/// chance some are shorter, so that clients that were refused together do not come back together.
struct Backoff {
    private static let first = 0.25
    private static let longest = 30.0
    private var tries = 0

    /// The next pause.
    ///
    /// - Parameters:
    ///   - asked: what the server asks for
    ///   - chance: from 0 to 1
    mutating func pause(asked: Duration?, chance: Double) -> Duration {
        let whole = min(Self.first * Double(1 << min(tries, 10)), Self.longest)
        tries += 1
        guard let asked else { return .seconds(whole * (0.5 + chance / 2)) }
        return asked + .seconds(min(whole, 1) * chance / 2)
    }
}
