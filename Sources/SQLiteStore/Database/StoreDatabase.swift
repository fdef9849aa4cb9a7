import GRDB
import Jobs
import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The database file: one connection that writes, a few that only read.
///
/// Only the writer checkpoints, since two connections that do so can damage a database in SQLite before 3.51.3: it does so
/// by itself when the log has grown large, and the readers never do.
final class StoreDatabase: Sendable {
    private static let pageSize = 8_192

    private let pool: DatabasePool
    private let path: String
    let clock: StoreClock
    /// What of the time that passed before this process is not believed yet.
    let jump: Mutex<ClockJump?>
    /// The size from which the write-ahead log is brought into the database, in bytes.
    private let largestLog: Int

    /// - Parameter synchronous: `FULL`, so that a commit outlasts a loss of power, or `NORMAL`
    init(
        path: String, synchronous: String, largestLog: Int, believesClock: Bool, wall: WallTime, now: MonotonicTime
    ) throws {
        self.path = path
        self.largestLog = largestLog
        pool = try DatabasePool(path: path, configuration: Self.configuration())
        try pool.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = \(synchronous)")
            try db.execute(sql: "PRAGMA journal_size_limit = \(largestLog)")
            // 16 MB, so that a transaction with 64 payloads in rows fits.
            try db.execute(sql: "PRAGMA cache_size = -16384")
            // By pages in use: the file of the log keeps its size when it is begun anew.
            try db.execute(sql: "PRAGMA wal_autocheckpoint = \(max(largestLog / Self.pageSize, 1))")
        }
        try Schema.migrator.migrate(pool)
        let (clock, before) = try pool.write { db in
            let latest = try Int64.fetchOne(
                db,
                sql: "SELECT max(coalesce((SELECT max(ended) FROM jobs WHERE ended IS NOT NULL), 0), "
                    + "coalesce((SELECT max(inserted) FROM jobs WHERE status <= 1), 0))")
            let written = try Self.written(db)
            return (StoreClock(written: written?.time, latest: latest ?? 0, wall: wall, now: now), written?.jump)
        }
        self.clock = clock
        jump = Mutex(
            believesClock
                ? nil : ClockJump.found(clock.away, before: before, store: clock.stored(now), wall: wall))
        try pool.write { try writeClock($0, wall: wall, now: now) }
    }

    private static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.label = "vigil.jobs"
        configuration.maximumReaderCount = 4
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 0")
            if db.configuration.readonly {
                try db.execute(sql: "PRAGMA query_only = 1")
            } else {
                // Both take effect in a new database alone.
                try db.execute(sql: "PRAGMA page_size = \(pageSize)")
                try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
            }
        }
        return configuration
    }

    /// Runs steps in a transaction of the writer.
    func write(_ body: (Database) throws -> Void) throws {
        try pool.writeWithoutTransaction { db in
            try db.inTransaction(.immediate) {
                try body(db)
                return .commit
            }
        }
    }

    /// Reads what is committed, on a connection and a thread of its own.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(JobStoreError) -> Value {
        do { return try await pool.read(body) } catch { throw StoreFault.reason(of: error) }
    }

    /// Reads on the calling thread, while nobody else is there.
    func readNow<Value>(_ body: (Database) throws -> Value) throws -> Value { try pool.read(body) }

    /// Works with the writer's connection on the calling thread, outside of a transaction.
    func withWriter<Value>(_ body: (Database) throws -> Value) throws -> Value {
        try pool.writeWithoutTransaction(body)
    }

    /// Puts the jobs that have not ended into `live`, in the place of those that are there.
    ///
    /// How far a running job is was never written, so that much is kept of what is there.
    func reload(into live: LiveBox) throws {
        let stored = try pool.writeWithoutTransaction { db in
            try JobRows(db: db, clock: clock).jobs(JobRows.live).map(\.record)
        }
        live.withLock { live in
            let before = live.table
            live.table = JobTable(settings: before.settings, served: live.served)
            for var record in stored {
                if let known = before.records[record.job.id], record.holder != nil, known.holder == record.holder {
                    record.job.partsDone = known.job.partsDone
                    record.job.revision = max(record.job.revision, known.job.revision)
                }
                live.table.add(record)
            }
        }
    }

    /// The time as it was written last, with what of it was not believed.
    private static func written(
        _ db: Database
    ) throws -> (time: (store: Int64, wall: Int64), jump: ClockJump?)? {
        let sql = "SELECT store, wall, jump_since, jump_wall, jump_length FROM clock"
        return try Row.fetchOne(db, sql: sql).map { row in
            let columns = Columns(row: row)
            let jump: ClockJump? =
                if let since = try columns.optionalInt64(2), let wall = try columns.optionalInt64(3),
                    let length = try columns.optionalInt64(4)
                { ClockJump(since: since, wall: wall, length: length) } else { nil }
            return (time: (store: try columns.int64(0), wall: try columns.int64(1)), jump: jump)
        }
    }

    func writeClock(_ db: Database, wall: WallTime, now: MonotonicTime) throws {
        let jump = jump.withLock(\.self)
        try db.execute(
            sql: "INSERT OR REPLACE INTO clock (one, store, wall, jump_since, jump_wall, jump_length) "
                + "VALUES (1, ?, ?, ?, ?, ?)",
            arguments: [clock.stored(now), wall.milliseconds, jump?.since, jump?.wall, jump?.length])
    }

    /// The time by which what has expired is told, in nanoseconds: the clock's, less what is not believed of it.
    func believed(wall: WallTime, now: MonotonicTime) -> Int64 {
        let time = clock.stored(now)
        let held = jump.withLock { jump in
            let held = jump?.held(store: time, wall: wall) ?? 0
            if held == 0 { jump = nil }
            return held
        }
        let (believed, overflow) = time.subtractingReportingOverflow(held)
        return overflow ? .min : believed
    }

    /// The bytes of the write-ahead log.
    var logBytes: Int { Self.size(path + "-wal") }

    /// The bytes of the database.
    var bytes: Int { Self.size(path) }

    /// Empties a log that readers have kept from being begun anew; called by the writer between transactions. Says whether
    /// it tried.
    func truncateLogIfHuge() -> Bool {
        guard logBytes >= 4 * largestLog else { return false }
        // One that can't finish, for a reader or a full disk, is tried again after the next commit.
        _ = try? pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        return true
    }

    /// How many pages are free, and of how many.
    func freePages(_ db: Database) throws -> (free: Int, all: Int) {
        (try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0, try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0)
    }

    /// Brings all of the log into the database and closes it; says whether both went well.
    func close() -> Bool {
        do {
            _ = try pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
            try pool.close()
            return true
        } catch { return false }
    }

    /// Never closes it: the process ends as if it had been killed.
    func abandon() { _ = Unmanaged.passRetained(pool) }

    /// What SQLite this is, and how it writes, for the log.
    var description: String {
        let found = try? pool.writeWithoutTransaction { db in
            (
                try String.fetchOne(db, sql: "SELECT sqlite_version()"),
                try Int.fetchOne(db, sql: "PRAGMA synchronous")
            )
        }
        return "SQLite \(found?.0 ?? "?"), synchronous \(found?.1 == 2 ? "full" : "normal")"
    }

    private static func size(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }
}
