import Jobs
import Synchronization

/// Tells the database which jobs workers have begun with, many at a time, while nobody waits for it: with the next ends that are
/// written, or by itself where there are none within milliseconds. A job that has ended by then is not told of.
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

    /// How long what was begun waits for an end that is written.
    private static let patience = Duration.milliseconds(3)

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

    /// The end of this job is about to be written.
    func forget(_ job: JobID) { state.withLock { $0.waiting.removeAll { $0 == job } } }

    /// What the database has to be told, for who tells it.
    func take() -> [JobID] {
        state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
    }

    /// Whoever took these could not tell of them.
    func giveBack(_ jobs: [JobID]) {
        guard !jobs.isEmpty else { return }
        let isFirst = state.withLock { state -> Bool in
            state.waiting += jobs
            defer { state.isTelling = true }
            return !state.isTelling
        }
        if isFirst { Task { await tell() } }
    }

    /// Takes hold of their rows in everybody's order, or two transactions of several jobs would wait for each other.
    static func inOrder(_ jobs: [JobID]) -> Statement {
        Statement("SELECT 1 FROM jobs WHERE id = ANY ($1::bytea[]) ORDER BY id FOR UPDATE", [.ids(jobs)])
    }

    static func note(of jobs: [JobID]) -> Statement {
        Statement(
            "UPDATE jobs SET begun = true WHERE id = ANY ($1::bytea[]) AND status = 1 AND NOT begun", [.ids(jobs)])
    }

    private func tell() async {
        while true {
            try? await Task.sleep(for: Self.patience)
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
