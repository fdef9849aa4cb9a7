import GRDB
import Jobs

/// Callbacks as rows.
struct CallbackRows {
    /// How long a note that was taken is nobody else's.
    private static let leaseNanoseconds: Int64 = 120_000_000_000

    struct Due {
        let job: JobID
        let url: String
        let tries: Int
    }

    let db: Database

    func insert(_ job: JobID, url: String, now: Int64) throws {
        try db.cachedStatement(sql: "INSERT INTO callbacks (job, url, tries, due) VALUES (?, ?, 0, ?)")
            .execute(arguments: [job.blob, Text(url), now])
    }

    func isDue(now: Int64) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM callbacks WHERE due <= ?)"), arguments: [now])
            ?? false
    }

    func contains(_ job: JobID) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM callbacks WHERE job = ?)"), arguments: [job.blob])
            ?? false
    }

    func take(limit: Int, now: Int64) throws -> [Due] {
        let statement = try db.cachedStatement(
            sql: "SELECT job, url, tries FROM callbacks WHERE due <= ? ORDER BY due, job LIMIT ?")
        let due = try Row.fetchAll(statement, arguments: [now, limit]).compactMap { row -> Due? in
            let columns = Columns(row: row)
            do {
                return Due(job: try columns.id(0), url: try columns.text(1), tries: try columns.int(2) &+ 1)
            } catch StoreFault.unreadable {
                // One that can't be read would else be the first again and again.
                if let job = try? columns.id(0) { try remove(job) }
                return nil
            }
        }
        for each in due {
            try db.cachedStatement(sql: "UPDATE callbacks SET tries = ?, due = ?, leased = 1 WHERE job = ?")
                .execute(arguments: [each.tries, now &+ Self.leaseNanoseconds, each.job.blob])
        }
        return due
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
