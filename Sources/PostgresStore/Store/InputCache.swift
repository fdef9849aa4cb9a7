import Jobs
import Synchronization

/// The inputs that came to this server last, so that a job which it begins itself need not be read again. What other servers do
/// makes room for what comes.
final class InputCache: Sendable {
    private struct State {
        var inputs: [JobID: JobBody] = [:]
        var order: [JobID] = []
        var bytes = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: the bytes that may be held
    init(limit: Int) { self.limit = limit }

    func put(_ input: JobBody, of job: JobID) {
        guard input.count <= limit / 2 else { return }
        state.withLock { state in
            guard state.inputs.updateValue(input, forKey: job) == nil else { return }
            state.order.append(job)
            state.bytes += input.count
            var gone = 0
            while state.bytes > limit, gone < state.order.count {
                if let old = state.inputs.removeValue(forKey: state.order[gone]) { state.bytes -= old.count }
                gone += 1
            }
            state.order.removeFirst(gone)
            // Those that were taken are in the order still.
            if state.order.count > 2 * state.inputs.count + 64 { state.order.removeAll { state.inputs[$0] == nil } }
        }
    }

    func holds(_ job: JobID) -> Bool { state.withLock { $0.inputs[job] != nil } }

    func look(at job: JobID) -> JobBody? { state.withLock { $0.inputs[job] } }

    func take(_ job: JobID) -> JobBody? {
        state.withLock { state in
            guard let input = state.inputs.removeValue(forKey: job) else { return nil }
            state.bytes -= input.count
            return input
        }
    }
}
