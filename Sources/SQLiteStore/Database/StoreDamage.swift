import Jobs
import Logging
import Synchronization

/// What was met in the store that is not what was written: it is told once, and from then on nothing new is taken.
final class StoreDamage: Sendable {
    private struct State {
        var first: JobStoreError?
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
            defer { state.first = state.first ?? reason }
            guard case .damaged(let id, _) = reason else { return state.first == nil }
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

    /// What was met first; nil where nothing was.
    var first: JobStoreError? { state.withLock { $0.first } }

    /// Throws where damage was met, since what is accepted then may be lost.
    func check() throws(JobStoreError) {
        if let first { throw .unavailable("\(first)") }
    }
}
