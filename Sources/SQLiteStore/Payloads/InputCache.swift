import Jobs
import Synchronization

/// The inputs that were handed in last, so that a job that is begun at once need not be read again.
final class InputCache: Sendable {
    private struct State {
        var inputs: [JobID: JobBody] = [:]
        var bytes = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: the bytes that may be held.
    init(limit: Int) { self.limit = limit }

    /// Keeps an input as long as there is room.
    func put(_ input: JobBody, of job: JobID) {
        state.withLock { state in
            guard state.bytes + input.count <= limit, state.inputs[job] == nil else { return }
            state.inputs[job] = input
            state.bytes += input.count
        }
    }

    /// Whether an input is at hand.
    func holds(_ job: JobID) -> Bool { state.withLock { $0.inputs[job] != nil } }

    /// An input, which stays.
    func input(of job: JobID) -> JobBody? { state.withLock { $0.inputs[job] } }

    func take(_ job: JobID) -> JobBody? {
        state.withLock { state in
            guard let input = state.inputs.removeValue(forKey: job) else { return nil }
            state.bytes -= input.count
            return input
        }
    }
}
