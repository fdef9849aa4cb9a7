import GRDB
import Jobs

/// Callbacks as rows.
struct CallbackRows {
    /// How long a note that was taken is nobody else's.
    private static let leaseNanoseconds: Int64 = 120_000_000_000
    struct Due: Sendable {
        let job: JobID
        let url: String
        let tries: Int
        let due: Int64

        var receiver: String { CallbackNote.receiver(url) }
        var hasFailed: Bool { tries > 1 }
    }

    /// `CallbackNote.receiver` in SQL.
    static let receiver = {
        let rest = "substr(replace(url, '?', '/'), instr(url, '//') + 2)"
        let authority = "substr(\(rest), 1, instr(\(rest) || '/', '/') - 1)"
        return
            "lower(CASE WHEN substr(\(authority), 1, 1) = '[' THEN substr(\(authority), 1, instr(\(authority), ']')) "
            + "ELSE substr(\(authority), 1, instr(\(authority) || ':', ':') - 1) END)"
    }()

    /// The receivers that something is due for, with those of their notes that failed before by themselves, the one with
    /// the oldest first. From one receiver to the next is one step in the index, so each look goes through all of them.
    static let dueReceivers = """
        WITH RECURSIVE receivers (name) AS (
            SELECT (SELECT \(receiver) FROM callbacks ORDER BY \(receiver) LIMIT 1)
            UNION ALL
            SELECT (SELECT \(receiver) FROM callbacks WHERE \(receiver) > name ORDER BY \(receiver) LIMIT 1)
            FROM receivers WHERE name IS NOT NULL
        ), kinds (failed) AS (VALUES (0), (1)), oldest (name, failed, due) AS (
            SELECT name, failed,
                (SELECT due FROM callbacks WHERE \(receiver) = name AND tries > 0 = failed ORDER BY due LIMIT 1)
            FROM receivers CROSS JOIN kinds WHERE name IS NOT NULL
        )
        SELECT CAST(name AS BLOB), failed FROM oldest WHERE due <= ? ORDER BY due LIMIT ?
        """

    let db: Database

    func insert(_ job: JobID, url: String, now: Int64) throws {
        try db.cachedStatement(sql: "INSERT INTO callbacks (job, url, tries, due) VALUES (?, ?, 0, ?)")
            .execute(arguments: [job.blob, Text(url), now])
    }

    func contains(_ job: JobID) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM callbacks WHERE job = ?)"), arguments: [job.blob])
            ?? false
    }

    /// Notes that are due, and those of them that can't be read.
    struct Found: Sendable {
        var notes: [Due] = []
        /// What stands in the place of their jobs' IDs.
        var unreadable: [DatabaseValue] = []

        /// Whether the writer has something to do: to take a note that is due and has room, or to remove what can't be read.
        var isAny: Bool { !unreadable.isEmpty || !notes.isEmpty }
    }

    /// The notes that are due and have room, oldest first.
    func due(limit: Int, within room: CallbackRoom, now: Int64) throws -> Found {
        var found = Found()
        guard limit > 0 else { return found }
        func fitting(_ notes: [Due]) -> [Due] { room.fitting(notes, limit: limit) { ($0.receiver, $0.hasFailed) } }
        let look = 4 * min(limit, 64)
        let oldest = try notes("due <= ? ORDER BY due, job LIMIT ?", [now, look], &found)
        found.notes = fitting(oldest.notes)
        if found.notes.count == limit || oldest.rows < look { return found }
        // The oldest are of receivers that have no room: what has some is looked up by receiver. By bytes, as one that
        // can't be read has no text that stands for it. Only a receiver that has notes on their way can have no room.
        let statement = try db.cachedStatement(sql: Self.dueReceivers)
        var candidates = oldest.notes
        var more = 0
        for row in try Row.fetchAll(statement, arguments: [now, limit + 2 * room.count]) where more < limit {
            let columns = Columns(row: row)
            let (name, failed) = (try columns.bytes(0), try columns.int(1) > 0)
            let left = min(limit, room.left(to: String(decoding: name, as: UTF8.self), failed: failed))
            guard left > 0 else { continue }
            let notes = try notes(
                "\(Self.receiver) = CAST(? AS TEXT) AND tries > 0 = ? AND due <= ? ORDER BY due, job LIMIT ?",
                [Blob(name), failed, now, left], &found
            ).notes
            candidates += notes
            more += notes.count
        }
        var jobs: Set<JobID> = []
        found.notes = fitting(
            candidates.filter { jobs.insert($0.job).inserted }.sorted { ($0.due, $0.job) < ($1.due, $1.job) })
        return found
    }

    private func notes(
        _ condition: String, _ arguments: StatementArguments, _ found: inout Found
    ) throws -> (notes: [Due], rows: Int) {
        let statement = try db.cachedStatement(sql: "SELECT job, url, tries, due FROM callbacks WHERE \(condition)")
        let rows = try Row.fetchAll(statement, arguments: arguments)
        var notes: [Due] = []
        for row in rows {
            let columns = Columns(row: row)
            do {
                notes.append(
                    Due(
                        job: try columns.id(0), url: try columns.text(1), tries: try columns.int(2) &+ 1,
                        due: try columns.int64(3)))
            } catch StoreFault.unreadable { found.unreadable.append(row[0]) }
        }
        return (notes, rows.count)
    }

    /// Removes what can't be read, which would else be the first again and again; says how many notes that were.
    func removeUnreadable(_ found: Found) throws -> Int {
        var removed = 0
        for job in found.unreadable {
            try db.execute(sql: "DELETE FROM callbacks WHERE job IS ?", arguments: [job])
            removed += db.changesCount
        }
        return removed
    }

    /// Takes what a reader has found, as far as it is still due.
    func take(_ found: Found, now: Int64) throws -> [Due] {
        try found.notes.filter { note in
            try db.cachedStatement(
                sql: "UPDATE callbacks SET tries = ?, due = ?, leased = 1 WHERE job = ? AND due <= ?"
            ).execute(arguments: [note.tries, now &+ Self.leaseNanoseconds, note.job.blob, now])
            return db.changesCount > 0
        }
    }

    func settle(_ job: JobID, _ verdict: CallbackVerdict, now: Int64) throws {
        switch verdict {
        case .settled: try remove(job)
        case .retry(let delay):
            try db.cachedStatement(sql: "UPDATE callbacks SET due = ?, leased = 0 WHERE job = ?")
                .execute(arguments: [now &+ delay.nanosecondsClamped, job.blob])
        case .untried:
            try db.cachedStatement(
                sql: "UPDATE callbacks SET due = ?, leased = 0, tries = max(tries - 1, 0) WHERE job = ?"
            ).execute(arguments: [now &+ CallbackVerdict.soon.nanosecondsClamped, job.blob])
        }
    }

    func remove(_ job: JobID) throws {
        try db.cachedStatement(sql: "DELETE FROM callbacks WHERE job = ?").execute(arguments: [job.blob])
    }

    /// Takes back what an earlier process had taken.
    func endLeases(now: Int64) throws {
        try db.execute(sql: "UPDATE callbacks SET due = ?, leased = 0 WHERE leased = 1", arguments: [now])
    }
}
