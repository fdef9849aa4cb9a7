import Jobs
import Synchronization

/// The inputs that were handed in last, so that a job that is begun at once need not be read again.
final class InputCache: Sendable {
    private struct State {
        var inputs: [JobID: JobInput] = [:]
        var bytes = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: the bytes that may be held.
    init(limit: Int) { self.limit = limit }

    /// Keeps an input as long as there is room.
    func put(_ input: JobInput, of job: JobID) {
        state.withLock { state in
            guard state.bytes + input.bytes <= limit, state.inputs[job] == nil else { return }
            state.inputs[job] = input
            state.bytes += input.bytes
        }
    }

    func take(_ job: JobID) -> JobInput? {
        state.withLock { state in
            guard let input = state.inputs.removeValue(forKey: job) else { return nil }
            state.bytes -= input.bytes
            return input
        }
    }
}
