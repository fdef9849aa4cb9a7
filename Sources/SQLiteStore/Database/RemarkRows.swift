import GRDB
import Jobs

/// What was put beside jobs, a row each.
struct RemarkRows {
    /// What a row takes beside its bytes.
    static let overhead = 128
    let db: Database

    /// What all rows take.
    func bytes() throws -> Int {
        let statement = try db.cachedStatement(sql: "SELECT coalesce(sum(length(bytes) + ?), 0) FROM remarks")
        return try Int.fetchOne(statement, arguments: [Self.overhead]) ?? 0
    }

    func remarks(_ job: JobID) throws -> JobRemarks? {
        let statement = try db.cachedStatement(sql: "SELECT bytes, revision FROM remarks WHERE job = ?")
        guard let row = try Row.fetchOne(statement, arguments: [job.blob]) else { return nil }
        let columns = Columns(row: row)
        do { return JobRemarks(try columns.bytes(0), revision: try columns.int(1)) } catch StoreFault.unreadable(
            let detail)
        { throw StoreFault.refused(.damaged(job, detail)) }
    }

    func write(_ remarks: JobRemarks, _ job: JobID) throws {
        try db.cachedStatement(sql: "INSERT OR REPLACE INTO remarks (job, bytes, revision) VALUES (?, ?, ?)")
            .execute(arguments: [job.blob, Blob(remarks.bytes), remarks.revision])
    }

    func remove(_ job: JobID) throws {
        try db.cachedStatement(sql: "DELETE FROM remarks WHERE job = ?").execute(arguments: [job.blob])
    }
}
