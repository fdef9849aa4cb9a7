import GRDB
import Jobs

/// How many jobs that have ended the disk has, and how many callbacks and alerts: counted once when the store is opened, and then as
/// they come and go, so that nothing is looked through to tell it.
struct StoreTally: Sendable, Equatable {
    private(set) var ended: [JobStatus: Int] = [:]
    var callbacks = 0
    var alerts = 0

    static let query = "SELECT count(*) FROM jobs WHERE status = ?"

    init() {}

    /// Counts what is there, by an index and by nothing but the status: of a row that can't be read it may be all there is.
    /// 100,000 jobs take some 9 ms.
    init(_ db: Database) throws {
        for status in JobStatus.allCases where status.isEnded {
            ended[status] = try Int.fetchOne(db, sql: Self.query, arguments: [StatusCode[status]])
        }
        callbacks = try Int.fetchOne(db, sql: "SELECT count(*) FROM callbacks") ?? 0
        alerts = try Int.fetchOne(db, sql: AlertRows.waiting) ?? 0
    }

    mutating func count(_ status: JobStatus, _ change: Int) {
        guard status.isEnded else { return }
        ended[status, default: 0] += change
    }

    static func += (left: inout StoreTally, right: StoreTally) {
        left.ended.merge(right.ended) { $0 + $1 }
        left.callbacks += right.callbacks
        left.alerts += right.alerts
    }
}

extension WriteContext {
    /// Removes all rows of a job, and gives the names of the files that are left of it.
    func remove(_ id: JobID) throws -> [String] {
        let code = try Int.fetchOne(
            db.cachedStatement(sql: "SELECT status FROM jobs WHERE id = ? AND typeof(status) = 'integer'"),
            arguments: [id.blob])
        let status = code.flatMap { StatusCode.status($0) }
        let isAwaited = try callbacks.contains(id)
        let places = try alerts.count(id)
        let files = try RowCheck(db: db).remove(id)
        live.withLock { live in
            if let status { live.tallyToCommit.count(status, -1) }
            if isAwaited { live.tallyToCommit.callbacks -= 1 }
            live.tallyToCommit.alerts -= places
        }
        damage.isGone(id)
        return files
    }

    /// Takes notes of callbacks, and removes those that can't be read.
    func take(_ found: CallbackRows.Found, now: Int64) throws -> [CallbackRows.Due] {
        let removed = try callbacks.removeUnreadable(found)
        live.withLock { $0.tallyToCommit.callbacks -= removed }
        return try callbacks.take(found, now: now)
    }

    /// Notes what came of a callback.
    func settle(_ job: JobID, _ verdict: CallbackVerdict, now: Int64) throws {
        let isAwaited = try verdict == .settled && callbacks.contains(job)
        try callbacks.settle(job, verdict, now: now)
        if isAwaited { live.withLock { $0.tallyToCommit.callbacks -= 1 } }
    }
}

extension SQLiteJobStore {
    /// What the store holds, by its own books.
    public func census() async throws(JobStoreError) -> QueueCensus? {
        let now = clock.now
        return live.withLock { live in
            var census = live.table.census(now: now)
            for (status, jobs) in live.tally.ended { census.jobs[status] = max(jobs, 0) }
            return census
        }
    }

    /// How many callbacks are on their way or wait for it.
    public var waitingCallbacks: Int? { live.withLock { max($0.tally.callbacks, 0) } }

    /// What it has of its disk, as it was found at the last look.
    public var room: StoreRoom? {
        let bytes = sizes.withLock(\.self)
        return StoreRoom(
            databaseBytes: bytes.database, logBytes: database.committedLogBytes, freeBytes: bytes.free)
    }
}
