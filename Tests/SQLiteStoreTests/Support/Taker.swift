import Jobs
import Synchronization

/// Takes what a store claims for it, and may look on while it does.
final class Taker: ClaimTaker {
    private struct State {
        var room: ClaimLimit?
        var claimed: [ClaimedJob] = []
        /// How often it was asked and said how much, and how often it then got something or nothing.
        var asked = 0
        var answered = 0
    }

    private let state: Mutex<State>
    private let inTransaction: @Sendable () -> Void
    private let afterCommit: @Sendable () -> Void

    /// - Parameters:
    ///   - jobs: how many it has room for; as many are left as were not given yet
    ///   - inTransaction: called where it is asked
    ///   - afterCommit: called where it is given something, before anybody else is told
    init(
        room jobs: Int, inTransaction: @escaping @Sendable () -> Void = {},
        afterCommit: @escaping @Sendable () -> Void = {}
    ) {
        state = Mutex(State(room: ClaimLimit(jobs: jobs)))
        self.inTransaction = inTransaction
        self.afterCommit = afterCommit
    }

    var claimed: [ClaimedJob] { state.withLock { $0.claimed } }

    /// Whether each time that it named its room it was told what came of it.
    var isSettled: Bool { state.withLock { $0.asked == $0.answered } }

    func makeRoom(for jobs: Int) { state.withLock { $0.room = ClaimLimit(jobs: jobs) } }

    func room() -> ClaimLimit? {
        let room = state.withLock { state -> ClaimLimit? in
            guard let room = state.room, room.jobs > 0 else { return nil }
            state.asked += 1
            return room
        }
        if room != nil { inTransaction() }
        return room
    }

    func take(_ claimed: [ClaimedJob]) {
        state.withLock { state in
            state.answered += 1
            state.claimed += claimed
            state.room?.jobs -= claimed.count
        }
        if !claimed.isEmpty { afterCommit() }
    }
}
