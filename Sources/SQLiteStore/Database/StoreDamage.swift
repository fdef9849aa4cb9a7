import Jobs
import Logging
import Synchronization

/// What was met in the store that is not what was written: it is told once, and nothing new is taken while it is there. The damage of a
/// job's row alone goes with the job; that of anything else stays until the folder is looked at.
final class StoreDamage: Sendable {
    private struct State {
        var first: JobStoreError?
        /// By what each job whose row can't be read was told.
        var jobs: [JobID: JobStoreError] = [:]
        var told: Set<JobID> = []
    }

    /// Of how many jobs the log tells.
    private static let mostTold = 1_000

    private let folder: String
    private let logger: Logger
    private let state = Mutex(State())

    init(folder: String, logger: Logger) {
        self.folder = folder
        self.logger = logger
    }

    /// A page or a row is not what it was.
    func met(_ reason: JobStoreError) {
        let isNew = state.withLock { state in
            guard case .damaged(let id, _) = reason else {
                defer { state.first = state.first ?? reason }
                return state.first == nil
            }
            if state.jobs.count < Self.mostTold { state.jobs[id] = reason } else { state.first = state.first ?? reason }
            return state.told.count < Self.mostTold && state.told.insert(id).inserted
        }
        guard isNew else { return }
        logger.error(
            "what is stored is damaged: nothing more is taken",
            metadata: [
                "error": "\(reason)", "folder": "\(folder)",
                "remedy":
                    "end this server; vigil state check tells more, vigil state recover copies what can be had",
            ])
    }

    /// A job is removed, and its row with it.
    func isGone(_ job: JobID) { _ = state.withLock { $0.jobs.removeValue(forKey: job) } }

    /// What was met and is there yet; nil where nothing is.
    var first: JobStoreError? {
        state.withLock { state in state.first ?? state.jobs.min { $0.key < $1.key }?.value }
    }

    /// Throws where damage was met, since what is accepted then may be lost.
    func check() throws(JobStoreError) {
        if let first { throw .unavailable("\(first)") }
    }
}
