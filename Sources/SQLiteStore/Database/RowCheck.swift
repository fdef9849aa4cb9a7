import GRDB
import Jobs
import Platform

/// Looks at the rows of jobs one by one.
struct RowCheck {
    /// A row that is none of a job.
    struct Unreadable {
        /// Nil where not even that can be read.
        let id: JobID?
        let reason: String
    }

    let db: Database

    /// The rows that can't be read.
    func unreadable() throws -> [Unreadable] {
        // Nobody asks when anything was.
        let zero = MonotonicTime(nanoseconds: 0)
        let clock = StoreClock(written: nil, latest: 0, wall: WallTime(milliseconds: 0), now: zero)
        let rows = try Row.fetchCursor(db, sql: JobRows.selection + " ORDER BY id")
        var found: [Unreadable] = []
        while let row = try rows.next() {
            do { _ = try StoredJob(row, clock: clock) } catch StoreFault.unreadable(let reason) {
                found.append(Unreadable(id: try? Columns(row: row).id(0), reason: reason))
            }
        }
        return found
    }

    /// Removes all rows of a job by its ID alone, and gives the names of the files that are left of it.
    func remove(_ id: JobID) throws -> [String] {
        let row = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT batch FROM jobs WHERE id = ?"), arguments: [id.blob])
        let batch = try? row.flatMap { try Columns(row: $0).optionalID(0) }
        let files = try BodyRows(db: db).remove(id)
        try CallbackRows(db: db).remove(id)
        try AlertRows(db: db).remove(id)
        try RemarkRows(db: db).remove(id)
        try KeyRows(db: db).forget(id, batch: batch.map { BatchID($0) })
        try db.cachedStatement(sql: "DELETE FROM jobs WHERE id = ?").execute(arguments: [id.blob])
        return files
    }
}
