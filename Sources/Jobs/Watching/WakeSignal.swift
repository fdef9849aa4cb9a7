import Synchronization

/// Where one watcher's wakes arrive. It holds one at most, however many come before somebody listens.
final class WakeSignal: Sendable {
    private enum State {
        case quiet
        case pending(Wake)
        case awaited(CheckedContinuation<Wake, Never>, wait: Int)
    }

    let interest: WatchInterest
    private let state = Mutex((State.quiet, lastWait: 0))

    init(for interest: WatchInterest) {
        self.interest = interest
    }

    /// Wakes who listens, or whoever listens next.
    func tell(_ wake: Wake) {
        let listener = state.withLock { state -> CheckedContinuation<Wake, Never>? in
            switch state.0 {
            case .quiet:
                state.0 = .pending(wake)
                return nil
            case .pending(let before):
                state.0 = .pending(before.merged(with: wake))
                return nil
            case .awaited(let continuation, _):
                state.0 = .quiet
                return continuation
            }
        }
        listener?.resume(returning: wake)
    }

    /// Begins a wait; its number tells it from those before and after.
    func begin() -> Int {
        state.withLock { state in
            state.lastWait += 1
            return state.lastWait
        }
    }

    /// Ends this wait with `wake`, unless it is over.
    func lapse(_ wait: Int, with wake: Wake) {
        let listener = state.withLock { state -> CheckedContinuation<Wake, Never>? in
            guard case .awaited(let continuation, wait: wait) = state.0 else { return nil }
            state.0 = .quiet
            return continuation
        }
        listener?.resume(returning: wake)
    }

    /// The wake that has arrived, or the next one. One listens at a time.
    func wake(_ wait: Int) async -> Wake {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let arrived = state.withLock { state -> Wake? in
                    if case .pending(let wake) = state.0 {
                        state.0 = .quiet
                        return wake
                    }
                    // A cancellation before this moment found nobody to wake; one after it finds this wait.
                    if Task.isCancelled { return .cancelled }
                    state.0 = .awaited(continuation, wait: wait)
                    return nil
                }
                if let arrived { continuation.resume(returning: arrived) }
            }
        } onCancel: {
            lapse(wait, with: .cancelled)
        }
    }

    /// Takes the wake that has arrived, if one has.
    func takePending() -> Wake? {
        state.withLock { state in
            guard case .pending(let wake) = state.0 else { return nil }
            state.0 = .quiet
            return wake
        }
    }

    /// Whether somebody listens now.
    var isAwaited: Bool {
        state.withLock { state in
            if case .awaited = state.0 { true } else { false }
        }
    }
}
