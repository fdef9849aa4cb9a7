import Synchronization

/// Those who wait for jobs to end.
final class EndWaiters: Sendable {
    private struct State {
        var latches: [JobID: [Int: Latch<Job>]] = [:]
        var lastNumber = 0
        var count = 0
    }

    private let state = Mutex(State())

    /// How many there are.
    var count: Int { state.withLock { $0.count } }

    /// A latch that closes when the job ends. It has to be removed again.
    func add(for id: JobID) -> (number: Int, end: Latch<Job>) {
        let latch = Latch<Job>()
        let number = state.withLock { state in
            state.lastNumber += 1
            state.count += 1
            state.latches[id, default: [:]][state.lastNumber] = latch
            return state.lastNumber
        }
        return (number, latch)
    }

    func remove(_ number: Int, for id: JobID) {
        state.withLock { state in
            guard state.latches[id]?.removeValue(forKey: number) != nil else { return }
            state.count -= 1
            if state.latches[id]?.isEmpty == true { state.latches[id] = nil }
        }
    }

    /// Tells all who wait for this job that it has ended.
    func end(_ job: Job) {
        let latches = state.withLock { state in
            let latches = state.latches.removeValue(forKey: job.id) ?? [:]
            state.count -= latches.count
            return latches
        }
        for latch in latches.values { latch.close(with: job) }
    }
}
