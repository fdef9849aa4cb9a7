import Jobs
import Synchronization

/// Tells the database which jobs workers have begun with, many at a time, while nobody waits for it.
///
/// A job that ends its server within the milliseconds that this takes counts as merely in hand; one that does so again and again
/// fails all the same, a few servers later.
final class BegunJobs: WorkLog {
    private struct State {
        /// What each worker is at.
        var desks: [Int: JobID] = [:]
        var waiting: [JobID] = []
        var isTelling = false
    }

    private weak let store: PostgresJobStore?
    private let state = Mutex(State())

    init(store: PostgresJobStore) { self.store = store }

    func begin(_ job: JobID, worker: Int) {
        let isFirst = state.withLock { state -> Bool in
            guard state.desks[worker] != job else { return false }
            state.desks[worker] = job
            state.waiting.append(job)
            defer { state.isTelling = true }
            return !state.isTelling
        }
        if isFirst { Task { await tell() } }
    }

    func end(worker: Int) { state.withLock { $0.desks[worker] = nil } }

    private func tell() async {
        while true {
            let jobs = state.withLock { state -> [JobID] in
                defer { state.waiting = [] }
                if state.waiting.isEmpty { state.isTelling = false }
                return state.waiting
            }
            guard !jobs.isEmpty else { return }
            await store?.noteBegun(jobs)
        }
    }
}
