import GRDB
import Jobs
import Synchronization

/// What a step works with: the database inside a transaction, and the jobs that go with it.
struct WriteContext {
    let db: Database
    let clock: StoreClock
    let live: LiveBox
    let damage: StoreDamage

    var jobs: JobRows { JobRows(db: db, clock: clock, damage: damage) }
    var bodies: BodyRows { BodyRows(db: db) }
    var keys: KeyRows { KeyRows(db: db) }
    var callbacks: CallbackRows { CallbackRows(db: db) }
    var usage: UsageRows { UsageRows(db: db) }
}

/// The live jobs behind a lock: the writer changes them, everybody looks.
final class LiveBox: Sendable {
    private let state: Mutex<LiveJobs>

    init(_ jobs: LiveJobs) { state = Mutex(jobs) }

    func withLock<Value: Sendable>(_ body: (inout sending LiveJobs) -> Value) -> Value {
        state.withLock { body(&$0) }
    }
}

/// A step of the writer, with someone who waits for it to be committed.
final class Commit: Sendable {
    /// Whether it is for what was accepted before, for which the ballast was taken on.
    let mayUseBallast: Bool
    /// Whether somebody outside is told of it, so that the database's number has to go up.
    let isPromise: Bool
    private let run: @Sendable (WriteContext) throws -> Void
    private let settled: @Sendable (JobStoreError?) -> Void

    init(
        mayUseBallast: Bool, isPromise: Bool = true, run: @escaping @Sendable (WriteContext) throws -> Void,
        settled: @escaping @Sendable (JobStoreError?) -> Void
    ) {
        self.mayUseBallast = mayUseBallast
        self.isPromise = isPromise
        self.run = run
        self.settled = settled
    }

    func perform(_ context: WriteContext) throws { try run(context) }

    /// Says that it is committed, or why it is not. Called once.
    func settle(_ error: JobStoreError?) { settled(error) }
}
