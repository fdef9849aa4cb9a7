import Platform
import Synchronization

extension Latch {
    /// Waits for the latch to be closed. When the time is up, or the task is cancelled, it is closed with nil, which says that
    /// nothing will come.
    func value<Awaited>(until deadline: MonotonicTime, by clock: any JobClock) async -> Awaited?
    where Value == Awaited? {
        let timer = Task {
            if (try? await clock.sleep(until: deadline)) != nil { close(with: nil) }
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await value()
        } onCancel: {
            close(with: nil)
        }
    }
}

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
