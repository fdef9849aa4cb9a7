import Synchronization

/// Something that happens at most once and that one task waits for. Threads wait by ``BlockingLatch``.
///
/// Whoever closes the latch first decides its value; later ones change nothing, so that an event, a time limit and a
/// cancellation can race without a rule among them.
public final class Latch<Value: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Value, Never>)
        case closed(Value)
    }

    private let state = Mutex(State.open)

    /// An open latch.
    public init() {}

    /// Whether it is closed.
    public var isClosed: Bool { state.withLock { if case .closed = $0 { true } else { false } } }

    /// Closes the latch.
    public func close(with value: Value) {
        let continuation = state.withLock { state -> CheckedContinuation<Value, Never>? in
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

    /// Waits for the latch to be closed, whatever becomes of the task. Called once.
    public func value() async -> Value {
        await withCheckedContinuation { continuation in
            let closed = state.withLock { state -> Value? in
                if case .closed(let value) = state { return value }
                state = .awaited(continuation)
                return nil
            }
            if let closed { continuation.resume(returning: closed) }
        }
    }
}
