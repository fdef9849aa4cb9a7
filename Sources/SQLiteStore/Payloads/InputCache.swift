import Jobs
import Synchronization

/// The inputs that were handed in last, so that a job that is begun at once need not be read again.
final class InputCache: Sendable {
    private struct State {
        var inputs: [JobID: (body: JobBody, counted: Int)] = [:]
        var bytes = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: the bytes that may be held.
    init(limit: Int) { self.limit = limit }

    /// Keeps an input as long as there is room.
    ///
    /// - Parameter counting: the bytes of it that this job is billed for, where others have it too
    func put(_ input: JobBody, of job: JobID, counting bytes: Int? = nil) {
        let counted = bytes ?? input.count
        state.withLock { state in
            guard state.bytes + counted <= limit, state.inputs[job] == nil else { return }
            state.inputs[job] = (input, counted)
            state.bytes += counted
        }
    }

    /// Whether an input is at hand.
    func holds(_ job: JobID) -> Bool { state.withLock { $0.inputs[job] != nil } }

    /// An input, which stays.
    func input(of job: JobID) -> JobBody? { state.withLock { $0.inputs[job]?.body } }

    func take(_ job: JobID) -> JobBody? {
        state.withLock { state in
            guard let input = state.inputs.removeValue(forKey: job) else { return nil }
            state.bytes -= input.counted
            return input.body
        }
    }
}
