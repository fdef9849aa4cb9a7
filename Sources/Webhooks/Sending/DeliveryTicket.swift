import Synchronization

/// Whoever waits for a verdict gets it once, the first one that there is.
final class DeliveryTicket: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<DeliveryVerdict, Never>)
        case settled(DeliveryVerdict)
    }

    private let state = Mutex(State.open)

    var isSettled: Bool {
        state.withLock { if case .settled = $0 { true } else { false } }
    }

    func wait(_ continuation: CheckedContinuation<DeliveryVerdict, Never>) {
        let verdict = state.withLock { state -> DeliveryVerdict? in
            if case .settled(let verdict) = state { return verdict }
            state = .awaited(continuation)
            return nil
        }
        if let verdict { continuation.resume(returning: verdict) }
    }

    func settle(_ verdict: DeliveryVerdict) {
        let waiting = state.withLock { state -> CheckedContinuation<DeliveryVerdict, Never>? in
            defer { if case .settled = state {} else { state = .settled(verdict) } }
            if case .awaited(let continuation) = state { return continuation }
            return nil
        }
        waiting?.resume(returning: verdict)
    }
}
