import GRDB
import Jobs

/// What the server's own places have to be told of, as rows.
struct AlertRows {
    /// How long a note that was taken is nobody else's.
    private static let leaseNanoseconds: Int64 = 120_000_000_000
    /// When a row is due that has but a mark: its job has not ended.
    private static let never = Int64.max

    struct Due: Sendable {
        let job: JobID
        let tries: Int
    }

    /// Notes that are due, and those of them that can't be read.
    struct Found: Sendable {
        var notes: [Due] = []
        /// What stands in the place of their jobs' IDs.
        var unreadable: [DatabaseValue] = []

        var isAny: Bool { !unreadable.isEmpty || !notes.isEmpty }
    }

    static let oldest = "SELECT job, tries FROM alerts WHERE place = ? AND due <= ? ORDER BY due LIMIT ?"
    /// By their jobs: what was put back is due later than what is new.
    static let newest = "SELECT job, tries FROM alerts WHERE place = ? AND due <= ? ORDER BY job DESC LIMIT ?"
    static let waiting = "SELECT count(*) FROM alerts WHERE due < \(never)"

    let db: Database

    /// Notes a job's end.
    func end(_ job: JobID, _ place: String, now: Int64) throws {
        try db.cachedStatement(
            sql: "INSERT INTO alerts (job, place, due) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET due = excluded.due"
        ).execute(arguments: [job.blob, Text(place), now])
    }

    /// How many places have to be told of a job that has ended.
    func count(_ job: JobID) throws -> Int {
        try Int.fetchOne(db.cachedStatement(sql: Self.waiting + " AND job = ?"), arguments: [job.blob]) ?? 0
    }

    func due(_ place: String, limit: Int, now: Int64) throws -> Found {
        var found = Found()
        let newest = AlertNote.newest(of: limit)
        for (statement, count) in [(Self.oldest, limit - newest), (Self.newest, newest)] where count > 0 {
            for row in try Row.fetchAll(db.cachedStatement(sql: statement), arguments: [Text(place), now, count]) {
                let columns = Columns(row: row)
                do {
                    let note = Due(job: try columns.id(0), tries: try columns.int(1) &+ 1)
                    if !found.notes.contains(where: { $0.job == note.job }) { found.notes.append(note) }
                } catch StoreFault.unreadable { found.unreadable.append(row[0]) }
            }
        }
        return found
    }

    /// Removes what can't be read; says how many notes that were.
    func removeUnreadable(_ found: Found, _ place: String) throws -> Int {
        var removed = 0
        for job in found.unreadable {
            try db.execute(sql: "DELETE FROM alerts WHERE job IS ? AND place = ?", arguments: [job, Text(place)])
            removed += db.changesCount
        }
        return removed
    }

    /// Takes what a reader has found, as far as it is still due.
    func take(_ found: Found, _ place: String, now: Int64) throws -> [Due] {
        try found.notes.filter { note in
            try db.cachedStatement(
                sql: "UPDATE alerts SET tries = ?, due = ?, leased = 1 WHERE job = ? AND place = ? AND due <= ?"
            ).execute(arguments: [note.tries, now &+ Self.leaseNanoseconds, note.job.blob, Text(place), now])
            return db.changesCount > 0
        }
    }

    /// Writes what came of a note; says whether it is gone by that.
    func settle(_ job: JobID, _ place: String, _ verdict: CallbackVerdict, now: Int64) throws -> Bool {
        let end = " WHERE job = ? AND place = ? AND due < \(Self.never)"
        switch verdict {
        case .settled:
            try db.cachedStatement(sql: "DELETE FROM alerts" + end).execute(arguments: [job.blob, Text(place)])
            return db.changesCount > 0
        case .retry(let delay):
            try db.cachedStatement(sql: "UPDATE alerts SET due = ?, leased = 0" + end)
                .execute(arguments: [now &+ delay.nanosecondsClamped, job.blob, Text(place)])
        case .untried:
            try db.cachedStatement(sql: "UPDATE alerts SET due = ?, leased = 0, tries = max(tries - 1, 0)" + end)
                .execute(arguments: [now &+ CallbackVerdict.soon.nanosecondsClamped, job.blob, Text(place)])
        }
        return false
    }

    func mark(of job: JobID, _ place: String) throws -> [UInt8]? {
        let statement = try db.cachedStatement(sql: "SELECT mark FROM alerts WHERE job = ? AND place = ?")
        guard let row = try Row.fetchOne(statement, arguments: [job.blob, Text(place)]) else { return nil }
        return try Columns(row: row).optionalBytes(0)
    }

    /// Writes a mark beside a note, or by itself where the job has not ended.
    func setMark(_ mark: [UInt8], of job: JobID, _ place: String) throws {
        try db.cachedStatement(sql: "UPDATE alerts SET mark = ? WHERE job = ? AND place = ?")
            .execute(arguments: [Blob(mark), job.blob, Text(place)])
        guard db.changesCount == 0 else { return }
        try db.cachedStatement(
            sql: """
                INSERT INTO alerts (job, place, due, mark)
                SELECT id, ?, \(Self.never), ? FROM jobs WHERE id = ? AND status <= 1
                """
        ).execute(arguments: [Text(place), Blob(mark), job.blob])
    }

    /// All of a job, for another store.
    func moved(_ job: JobID) throws -> [MovedJob.Alert] {
        let sql = "SELECT place, tries, mark, due < \(Self.never) FROM alerts WHERE job = ?"
        return try Row.fetchAll(db.cachedStatement(sql: sql), arguments: [job.blob]).map { row in
            let columns = Columns(row: row)
            return MovedJob.Alert(
                place: try columns.text(0), tries: try columns.int(1), mark: try columns.optionalBytes(2),
                isDue: try columns.int(3) != 0)
        }
    }

    func remove(_ job: JobID) throws {
        try db.cachedStatement(sql: "DELETE FROM alerts WHERE job = ?").execute(arguments: [job.blob])
    }

    /// Takes back what an earlier process had taken.
    func endLeases(now: Int64) throws {
        try db.execute(sql: "UPDATE alerts SET due = ?, leased = 0 WHERE leased = 1", arguments: [now])
    }
}
