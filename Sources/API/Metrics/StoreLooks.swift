import Platform
import Synchronization

/// What was found when the store was looked at, and since when somebody is still looking.
final class StoreLooks: Sendable {
    /// How long what was found is good enough for a scrape, and how long a disk may take to answer.
    static let lasts = Duration.seconds(10)

    private struct State {
        /// Nil before the first, when it has just been opened.
        var found: (isFine: Bool, at: MonotonicTime)?
        var running: [Int: MonotonicTime] = [:]
        var count = 0
    }

    private let state = Mutex(State())

    /// Somebody looks.
    ///
    /// - Returns: what ends it
    func begin(at time: MonotonicTime) -> Int {
        state.withLock { state in
            state.count += 1
            state.running[state.count] = time
            return state.count
        }
    }

    /// The look has ended.
    func end(_ look: Int, isFine: Bool, at time: MonotonicTime) {
        state.withLock { state in
            state.running[look] = nil
            state.found = (isFine, time)
        }
    }

    /// Whether somebody should look, as nobody does and nobody has of late.
    func isDue(at time: MonotonicTime) -> Bool {
        state.withLock { state in
            guard state.running.isEmpty else { return false }
            return state.found.map { time - $0.at >= Self.lasts } ?? true
        }
    }

    /// Whether nothing was wrong at the last look, and none takes as long as a disk that hangs.
    func isFine(at time: MonotonicTime) -> Bool {
        state.withLock { state in
            state.found?.isFine != false && state.running.values.allSatisfy { time - $0 < Self.lasts }
        }
    }
}
