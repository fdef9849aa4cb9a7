import Synchronization

/// Wakes one task that looks for work. Ringing while nobody listens is remembered, once.
///
/// Nothing is missed as long as whoever makes work rings afterwards, and the listener looks for work after each ring:
/// the last ring then comes after the last work, and a look follows it.
final class Doorbell: Sendable {
    private enum State {
        case silent
        case rung
        case awaited(CheckedContinuation<Void, Never>)
    }

    private let state = Mutex(State.silent)

    func ring() {
        let continuation = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard case .awaited(let continuation) = state else {
                state = .rung
                return nil
            }
            state = .silent
            return continuation
        }
        continuation?.resume()
    }

    /// Returns after the next ring, or at once if it rang since the last time.
    func wait() async {
        await withCheckedContinuation { continuation in
            let isRung = state.withLock { state in
                if case .rung = state {
                    state = .silent
                    return true
                }
                state = .awaited(continuation)
                return false
            }
            if isRung { continuation.resume() }
        }
    }
}
