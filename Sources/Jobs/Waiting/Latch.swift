import Platform
import Synchronization

/// Something that happens at most once and that one task waits for.
///
/// Whoever closes the latch first decides its value; later ones change nothing, so that an event, a time limit and a
/// cancellation can race without a rule among them.
final class Latch<Value: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Value?, Never>)
        case closed(Value?)
    }

    private let state = Mutex(State.open)

    /// Closes the latch; nil says that nothing will come.
    func close(with value: Value?) {
        let continuation = state.withLock { state -> CheckedContinuation<Value?, Never>? in
            switch state {
            case .open:
                state = .closed(value)
                return nil
            case .awaited(let continuation):
                state = .closed(value)
                return continuation
            case .closed:
                return nil
            }
        }
        continuation?.resume(returning: value)
    }

    /// Waits for the latch to be closed. When the time is up, or the task is cancelled, it is closed with nil.
    func value(until deadline: MonotonicTime, by clock: any JobClock) async -> Value? {
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

    private func value() async -> Value? {
        await withCheckedContinuation { continuation in
            let closed = state.withLock { state -> Value?? in
                if case .closed(let value) = state { return .some(value) }
                state = .awaited(continuation)
                return nil
            }
            if let closed { continuation.resume(returning: closed) }
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
