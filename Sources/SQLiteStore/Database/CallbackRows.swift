import GRDB
import Jobs

/// Callbacks as rows.
struct CallbackRows {
    /// How long a note that was taken is nobody else's.
    private static let leaseNanoseconds: Int64 = 120_000_000_000
    /// How many receivers are asked for at most in one look, beside those of the oldest notes. Whoever looks again goes on
    /// behind them, so that all have their turn, however many there are.
    private static let mostReceivers = 64

    struct Due {
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

    /// Notes that are due, and whether among those that were looked at there were some that can't be read.
    struct Found {
        var notes: [Due] = []
        var hasUnreadable = false
        /// The receiver that was asked for last, behind which the next look goes on; none after the last of all.
        var last = Blob([])

        /// Whether there is something to take: a note that is due and has room, or one that can't be read, which the writer
        /// removes.
        var isAny: Bool { hasUnreadable || !notes.isEmpty }
    }

    /// The notes that are due and have room, oldest first.
    ///
    /// - Parameter start: the receiver behind which a look goes on that needs more than the oldest notes
    func due(limit: Int, within room: CallbackRoom, now: Int64, after start: Blob) throws -> Found {
        guard limit > 0 else { return Found(last: start) }
        func fitting(_ notes: [Due]) -> [Due] { room.fitting(notes, limit: limit) { ($0.receiver, $0.hasFailed) } }
        let look = 4 * min(limit, 64)
        var found = Found(last: start)
        let oldest = try notes("due <= ? ORDER BY due, job LIMIT ?", [now, look], &found)
        found.notes = fitting(oldest.notes)
        if found.notes.count == limit || oldest.rows < look { return found }
        // The oldest are of receivers that have no room: what has some is looked up by receiver. By bytes, as one that can't
        // be read has no text that stands for it.
        var candidates = oldest.notes
        var hasBegunAnew = false
        for _ in 0..<Self.mostReceivers {
            guard let next = try receiver(after: found.last) else {
                found.last = Blob([])
                if hasBegunAnew || start.bytes.isEmpty { break }
                hasBegunAnew = true
                continue
            }
            if hasBegunAnew, start.bytes.lexicographicallyPrecedes(next.bytes) { break }
            for failed in [false, true] {
                let left = min(limit, room.left(to: String(decoding: next.bytes, as: UTF8.self), failed: failed))
                guard left > 0 else { continue }
                candidates += try notes(
                    "\(Self.receiver) = CAST(? AS TEXT) AND tries > 0 = ? AND due <= ? ORDER BY due, job LIMIT ?",
                    [next, failed, now, left], &found
                ).notes
            }
            found.last = next
        }
        var jobs: Set<JobID> = []
        found.notes = fitting(
            candidates.filter { jobs.insert($0.job).inserted }.sorted { ($0.due, $0.job) < ($1.due, $1.job) })
        return found
    }

    private func receiver(after receiver: Blob) throws -> Blob? {
        try Blob.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT CAST(\(Self.receiver) AS BLOB) FROM callbacks
                    WHERE \(Self.receiver) > CAST(? AS TEXT) ORDER BY \(Self.receiver) LIMIT 1
                    """), arguments: [receiver])
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
            } catch StoreFault.unreadable {
                found.hasUnreadable = true
                // One that can't be read would else be the first again and again.
                guard removesUnreadable else { continue }
                try db.execute(sql: "DELETE FROM callbacks WHERE job IS ?", arguments: [row[0] as DatabaseValue])
            }
        }
        return (notes, rows.count)
    }

    func take(limit: Int, within room: CallbackRoom, now: Int64, after start: Blob) throws -> [Due] {
        let due = try CallbackRows(db: db, removesUnreadable: true)
            .due(limit: limit, within: room, now: now, after: start).notes
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
