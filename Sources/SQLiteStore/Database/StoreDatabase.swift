import GRDB
import Jobs
import Logging
import Platform
import Synchronization

/// The database file: one connection that writes, a few that only read.
///
/// Only the writer checkpoints, since two connections that do so can damage a database in SQLite before 3.51.3: between
/// transactions, when the log has grown large or nothing was written for a while, after the ``LogKeeper`` has written the
/// sums of the pages.
final class StoreDatabase: Sendable {
    static let pageSize = 8_192

    /// Those of the connection that writes, which they go before.
    let statements: JobStatements
    private let pool: DatabasePool
    private let path: String
    private let keeper: LogKeeper
    private let watch: FolderWatch
    let damage: StoreDamage
    let clock: StoreClock
    /// What of the time that passed before this process is not believed yet.
    let jump: Mutex<ClockJump?>
    private let unnoted = Mutex<JobStoreError?>(nil)
    /// The size from which the write-ahead log is brought into the database, in bytes.
    private let largestLog: Int
    /// Whether a reader kept the log from being brought in when that was tried last.
    private let isHeld = Atomic(false)

    /// - Parameter synchronous: `FULL`, so that a commit outlasts a loss of power, or `NORMAL`
    init(
        path: String, folder: String, synchronous: String, largestLog: Int, keeper: LogKeeper, watch: FolderWatch,
        damage: StoreDamage, believesClock: Bool,
        wall: WallTime, now: MonotonicTime
    ) throws {
        self.path = path
        self.largestLog = largestLog
        self.keeper = keeper
        self.watch = watch
        self.damage = damage
        // For its owner alone, as the folder is that Vigil makes; SQLite gives log and index what the database has. Nobody in
        // this process has it open yet, whose locks would go with this descriptor.
        let made = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if made >= 0 { closeDescriptor(made) }
        pool = try DatabasePool(path: path, configuration: Self.configuration(watchedBy: keeper))
        try pool.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = \(synchronous)")
            try db.execute(sql: "PRAGMA journal_size_limit = \(largestLog)")
            // Debian's SQLite writes zeros over each page that a deleted payload or result leaves free: as much as they were
            // themselves, through log, flush and sums. What is deleted within a page that stays is still overwritten.
            try db.execute(sql: "PRAGMA secure_delete = FAST")
            // 16 MB, so that a transaction with 64 payloads in rows fits.
            try db.execute(sql: "PRAGMA cache_size = -16384")
            // Before the transactions in which it counts.
            if try Schema.hasSmallStatements(db) {
                try Self.keepTemporaries(in: nil, db)
            } else {
                try Self.keepTemporaries(in: folder, db)
            }
        }
        statements = pool.writeWithoutTransaction { JobStatements($0) }
        try Schema.migrator.migrate(pool)
        try pool.writeWithoutTransaction { try Self.keepTemporaries(in: nil, $0) }
        keeper.begin(
            at: UInt32(
                bitPattern: try pool.writeWithoutTransaction { try Int32.fetchOne($0, sql: "PRAGMA user_version") ?? 0 }
            ))
        let (clock, before) = try pool.read { db in
            let latest = try Int64.fetchOne(
                db,
                sql: "SELECT max(coalesce((SELECT max(ended) FROM jobs WHERE ended IS NOT NULL), 0), "
                    + "coalesce((SELECT max(inserted) FROM jobs WHERE status IN (0, 1)), 0))")
            let written = try Self.written(db)
            return (StoreClock(written: written?.time, latest: latest ?? 0, wall: wall, now: now), written?.jump)
        }
        self.clock = clock
        let wrong = before.flatMap { $0.isContradicted(by: wall) ? $0 : nil }
        jump = Mutex(
            believesClock
                ? wrong : ClockJump.found(clock.away, before: before, store: clock.stored(now), wall: wall))
        try write { db in
            try writeClock(db, wall: wall, now: now)
            try db.execute(sql: "PRAGMA application_id = \(Int32(bitPattern: keeper.identity))")
        }
    }

    /// Has SQLite write what a statement needs beside the database to nameless files in a folder, as it may be too much for
    /// memory, and the places that it takes of its own accord may not be there in a container; or in memory, for nil.
    static func keepTemporaries(in folder: String?, _ db: Database) throws {
        // Where SQLite was built without it, it takes a place of its own.
        try? db.execute(sql: "PRAGMA temp_store_directory = \((folder ?? "").quotedDatabaseIdentifier)")
        try db.execute(sql: "PRAGMA temp_store = \(folder == nil ? "MEMORY" : "FILE")")
    }

    private static func configuration(watchedBy keeper: LogKeeper) -> Configuration {
        var configuration = Configuration()
        configuration.label = "vigil.jobs"
        configuration.maximumReaderCount = 4
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 0")
            if db.configuration.readonly {
                try db.execute(sql: "PRAGMA query_only = 1")
            } else {
                // From the first commit on, which is that of a pragma or GRDB's own; behind the pragma of checkpoints, which
                // takes its place.
                keeper.watch(db)
                // Both take effect in a new database alone.
                try db.execute(sql: "PRAGMA page_size = \(pageSize)")
                try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
            }
        }
        return configuration
    }

    /// Runs steps in a transaction of the writer, and writes down beside the database that it was committed.
    ///
    /// - Parameter counts: whether the database's number goes up if anything is changed
    func write(counts: Bool = true, _ body: (Database) throws -> Void) throws {
        // Nothing is committed behind what could not be noted.
        do { try keeper.note() } catch {
            unnoted.withLock { $0 = StoreFault.reason(of: error) }
            throw error
        }
        unnoted.withLock { $0 = nil }
        let number = keeper.next
        keeper.expect(nil)
        try pool.writeWithoutTransaction { db in
            try db.inTransaction(.immediate) {
                let before = db.totalChangesCount
                try body(db)
                if counts, db.totalChangesCount != before {
                    // In the first page, which most transactions write anyway.
                    try db.execute(sql: "PRAGMA user_version = \(Int32(bitPattern: number))")
                    keeper.expect(number)
                }
                return .commit
            }
        }
        // It stands behind a hole, so that nobody may be told that it is there.
        if let change = logChange {
            damage.met(.unavailable(change))
            throw StoreFault.refused(.unavailable(change))
        }
    }

    /// Why the last commit could not be noted beside the database; nil where it was.
    var noteFault: JobStoreError? { unnoted.withLock { $0 } }

    /// Reads what is committed, on a connection and a thread of its own.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(JobStoreError) -> Value {
        do { return try await pool.read(body) } catch {
            let reason = StoreFault.reason(of: error)
            if StoreFault.tellsDamage(error) { damage.met(reason) }
            throw reason
        }
    }

    /// Jobs as rows, inside a transaction.
    func rows(_ db: Database) -> JobRows { JobRows(db: db, clock: clock, damage: damage) }

    /// What a step of the writer works with.
    func context(_ db: Database, _ live: LiveBox) -> WriteContext {
        WriteContext(db: db, clock: clock, live: live, damage: damage, statements: statements)
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
            try rows(db).jobs(JobRows.live).map(\.record)
        }
        live.withLock { live in
            let before = live.table
            live.table = JobTable(settings: before.settings, served: live.served)
            for var record in stored {
                if let known = before.records[record.job.id], record.holder != nil, known.holder == record.holder {
                    record.job.partsDone = known.job.partsDone
                    record.job.revision = max(record.job.revision, known.job.revision)
                    record.leaseEnd = known.leaseEnd
                }
                if record.holder == nil { record.lapsed = before.records[record.job.id]?.lapsed }
                live.table.add(record)
            }
        }
    }

    /// The time as it was written last, with what of it was not believed.
    static func written(
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

    /// The bytes of the log up to the last commit, which nobody waits for.
    var committedLogBytes: Int { keeper.logBytes }

    /// The bytes of the database.
    var bytes: Int { Self.size(path) }

    /// Brings the log into the database where it has grown large; called by the writer between transactions.
    func checkpointIfLarge() {
        // One that can't finish, for a reader or a full disk, goes on when as much again was committed, or all is brought in.
        let log = keeper.bytes
        if log.all >= 4 * largestLog { return checkpointAll() }
        guard log.unsummed >= largestLog, change(now: true) == nil else { return }
        watch.willBringIn()
        defer { watch.hasBroughtIn() }
        guard sum(), let found = try? pool.writeWithoutTransaction({ try $0.checkpoint(.passive) }) else { return }
        // Those of somebody else's, who wrote meanwhile.
        _ = sum(upTo: found.walFrameCount)
        if noteWhether(isHeld: found.walFrameCount != found.checkpointedFrameCount) { keeper.broughtIn() }
    }

    /// Brings all of the log into the database, and empties it.
    func checkpointAll() {
        guard change(now: true) == nil else { return }
        watch.willBringIn()
        defer { watch.hasBroughtIn() }
        guard sum() else { return }
        let isDone = try? pool.writeWithoutTransaction { db in
            let found = try db.checkpoint(.passive)
            guard noteWhether(isHeld: found.walFrameCount != found.checkpointedFrameCount),
                sum(upTo: found.walFrameCount)
            else { return false }
            // Somebody else can keep it from being emptied.
            keeper.broughtIn()
            _ = try db.checkpoint(.truncate)
            return true
        }
        if isDone == true { keeper.emptied() }
    }

    /// Takes down whether a reader kept some of the log from being brought in; says whether none did.
    private func noteWhether(isHeld: Bool) -> Bool {
        self.isHeld.store(isHeld, ordering: .relaxed)
        return !isHeld
    }

    /// Whether a reader kept the log from being brought in when that was tried last.
    var isLogHeld: Bool { isHeld.load(ordering: .relaxed) }

    /// Whether the log has grown far beyond what it should.
    var isLogHuge: Bool { keeper.bytes.all >= 4 * largestLog }

    /// Writes the sums of the log's pages; says whether it may be brought in.
    private func sum(upTo frames: Int? = nil) -> Bool {
        if keeper.sum(upTo: frames) { return true }
        if let change = logChange { damage.met(.unavailable(change)) }
        return false
    }

    /// What others have done to the frames of the log; nil where nothing was found.
    var logChange: String? { keeper.logChange }

    /// Why the log can't be brought into the database, once it has grown far beyond what it should.
    var sumsFault: JobStoreError? {
        guard keeper.areSumsFailing, keeper.bytes.all >= 2 * largestLog else { return nil }
        return .unavailable("the sums of the database's pages can't be written, so that its log only grows")
    }

    /// What others have done to the folder; nil where nothing was done.
    ///
    /// - Parameter now: whether to look even if that was done a moment ago
    func change(now: Bool = false) -> String? {
        watch.change(now: now, isExplained: isShortLogExplained)
    }

    /// Whether a log that was found to be shorter than what was noted of it is so for a reason: a commit of ours was under way
    /// that begins it anew, or somebody else has brought it in and may have begun it anew.
    private func isShortLogExplained() -> Bool {
        do {
            // Where nobody of ours commits.
            return try pool.writeWithoutTransaction { db in
                let bytes = logBytes
                if bytes >= keeper.leastLogBytes || keeper.hasBeenBegunAnew() { return true }
                // With frames that are not in the file any more it fails, before it has written anything.
                guard try bytes == 0 && db.checkpoint(.passive).walFrameCount == 0 else { return false }
                keeper.emptiedByOthers()
                return true
            }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
            // Whoever brings it in is still at it: the next look knows.
            return true
        } catch { return false }
    }

    /// Whether the folder was looked at a moment ago and nothing was found.
    var isFolderFineJustNow: Bool { watch.isFineJustNow }

    /// Whether there is something in the log, by what was committed to it.
    var hasLog: Bool { keeper.bytes.all > 0 }

    /// How many pages are free, and of how many.
    func freePages(_ db: Database) throws -> (free: Int, all: Int) {
        (try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0, try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0)
    }

    /// Brings all of the log into the database and closes it.
    func close() {
        checkpointAll()
        let isInOrder = logBytes == 0
        pool.writeWithoutTransaction { _ in statements.close() }
        let isClosed = (try? pool.close()) != nil
        keeper.close(inOrder: isInOrder && isClosed)
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
