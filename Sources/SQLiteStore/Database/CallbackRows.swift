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
        let due: Int64

        var receiver: String { CallbackNote.receiver(url) }
        var hasFailed: Bool { tries > 1 }
    }

    /// `CallbackNote.receiver` in SQL.
    static let receiver = "lower(substr(url, 1, instr(substr(replace(url, '?', '/'), 9) || '/', '/') + 7))"

    let db: Database
    /// Whether notes that can't be read are removed when they are met, as the writer can.
    var removesUnreadable = false

    func insert(_ job: JobID, url: String, now: Int64) throws {
        try db.cachedStatement(sql: "INSERT INTO callbacks (job, url, tries, due) VALUES (?, ?, 0, ?)")
            .execute(arguments: [job.blob, Text(url), now])
    }

    func contains(_ job: JobID) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM callbacks WHERE job = ?)"), arguments: [job.blob])
            ?? false
    }

    /// The notes that are due and have room, oldest first.
    func due(limit: Int, within room: CallbackRoom, now: Int64) throws -> [Due] {
        guard limit > 0 else { return [] }
        func fitting(_ notes: [Due]) -> [Due] { room.fitting(notes, limit: limit) { ($0.receiver, $0.hasFailed) } }
        let look = 4 * min(limit, 64)
        let oldest = try notes("due <= ? ORDER BY due, job LIMIT ?", [now, look])
        let found = fitting(oldest)
        if found.count == limit || oldest.count < look { return found }
        // The oldest are of receivers that have no room: what has some is looked up by receiver.
        var candidates: [Due] = []
        var receiver = ""
        while let next = try self.receiver(after: receiver) {
            for failed in [false, true] {
                let left = min(limit, room.left(to: next, failed: failed))
                guard left > 0 else { continue }
                candidates += try notes(
                    "\(Self.receiver) = ? AND tries > 0 = ? AND due <= ? ORDER BY due, job LIMIT ?",
                    [Text(next), failed, now, left])
            }
            receiver = next
        }
        return fitting(candidates.sorted { ($0.due, $0.job) < ($1.due, $1.job) })
    }

    private func receiver(after receiver: String) throws -> String? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT \(Self.receiver) FROM callbacks WHERE \(Self.receiver) > ? ORDER BY \(Self.receiver) LIMIT 1
                    """), arguments: [Text(receiver)]
        ).map { try Columns(row: $0).text(0) }
    }

    private func notes(_ condition: String, _ arguments: StatementArguments) throws -> [Due] {
        let statement = try db.cachedStatement(sql: "SELECT job, url, tries, due FROM callbacks WHERE \(condition)")
        return try Row.fetchAll(statement, arguments: arguments).compactMap { row -> Due? in
            let columns = Columns(row: row)
            do {
                return Due(
                    job: try columns.id(0), url: try columns.text(1), tries: try columns.int(2) &+ 1,
                    due: try columns.int64(3))
            } catch StoreFault.unreadable {
                // One that can't be read would else be the first again and again.
                if removesUnreadable, let job = try? columns.id(0) { try remove(job) }
                return nil
            }
        }
    }

    func take(limit: Int, within room: CallbackRoom, now: Int64) throws -> [Due] {
        let due = try CallbackRows(db: db, removesUnreadable: true).due(limit: limit, within: room, now: now)
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
