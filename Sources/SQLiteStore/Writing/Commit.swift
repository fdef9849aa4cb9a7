import GRDB
import Jobs
import Synchronization

/// What a step works with: the database inside a transaction, and the jobs that go with it.
struct WriteContext {
    let db: Database
    let clock: StoreClock
    let live: LiveBox
    let damage: StoreDamage
    /// Those of the connection that writes; nil for one that is only looked into.
    var statements: JobStatements?
    /// The rows of the jobs that have come in this transaction and are not written yet.
    let coming = ComingRows()

    var jobs: JobRows { JobRows(db: db, clock: clock, damage: damage, statements: statements) }
    var bodies: BodyRows { BodyRows(db: db, statements: statements) }
    var keys: KeyRows { KeyRows(db: db) }
    var callbacks: CallbackRows { CallbackRows(db: db) }
    var alerts: AlertRows { AlertRows(db: db) }
    var remarks: RemarkRows { RemarkRows(db: db) }
    var usage: UsageRows { UsageRows(db: db) }
}

/// The rows of jobs that have come in a transaction: they are written at its end, as the jobs are by then, so that one that is
/// claimed at once is written once. Used by the writer alone, within a transaction.
final class ComingRows {
    private var rows: [(id: JobID, new: NewJob, place: Int)] = []

    func add(_ id: JobID, _ new: NewJob, place: Int) { rows.append((id, new, place)) }

    func has(_ id: JobID) -> Bool { rows.contains { $0.id == id } }

    /// Writes those that are there, before anybody looks for them.
    func write(_ context: WriteContext) throws {
        guard !rows.isEmpty else { return }
        defer { rows = [] }
        let records = context.live.withLock { [rows] live in rows.map { live.table.records[$0.id] } }
        for (row, record) in zip(rows, records) {
            if let record { try context.jobs.insert(record, row.new, place: row.place) }
        }
    }
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
    /// How a step goes about it.
    struct Manner: Sendable {
        /// Whether it is for what was accepted before, for which the ballast was taken on; what is new is refused on a full
        /// disk.
        var mayUseBallast = true
        /// Whether somebody outside is told of it, so that the database's number has to go up; of a claim nobody is.
        var isPromise = true
        /// Whether it may wait a little for a transaction in which others are.
        var isPatient = false
        /// Whether it looks for no job's row but those that it knows to be written.
        var looksForNoRow = false

        /// What most do.
        static let usual = Manner()

        static let claim = Manner(isPromise: false)

        static func submission(_ submission: Submission) -> Manner {
            // Keys stand for jobs, whose rows are looked for.
            let hasKeys = submission.key != nil || submission.jobs.contains { $0.reuseKey != nil }
            return Manner(mayUseBallast: false, looksForNoRow: !hasKeys)
        }

        /// - Parameter isAwaited: whether somebody waits for it
        static func end(isAwaited: Bool) -> Manner { Manner(isPatient: !isAwaited, looksForNoRow: true) }
    }

    let manner: Manner
    private let run: @Sendable (WriteContext) throws -> Void
    private let settled: @Sendable (JobStoreError?) -> Void

    init(
        _ manner: Manner, run: @escaping @Sendable (WriteContext) throws -> Void,
        settled: @escaping @Sendable (JobStoreError?) -> Void
    ) {
        self.manner = manner
        self.run = run
        self.settled = settled
    }

    func perform(_ context: WriteContext) throws {
        if !manner.looksForNoRow { try context.coming.write(context) }
        try run(context)
    }

    /// Says that it is committed, or why it is not. Called once.
    func settle(_ error: JobStoreError?) { settled(error) }
}
