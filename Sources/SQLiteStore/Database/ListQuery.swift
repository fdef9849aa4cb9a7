import GRDB
import Jobs

/// A page of jobs, as a query.
struct ListQuery: Sendable {
    let sql: String
    let arguments: [DatabaseValue]

    init(_ filter: JobFilter, limit: Int, before cursor: JobID?, shownSince: Int64) {
        var conditions = ["(ended IS NULL OR ended > ? OR EXISTS (SELECT 1 FROM callbacks WHERE job = jobs.id))"]
        var arguments = [shownSince.databaseValue]
        func add(_ condition: String, _ value: some DatabaseValueConvertible) {
            conditions.append(condition)
            arguments.append(value.databaseValue)
        }
        if let status = filter.status { add("status = ?", StatusCode[status]) }
        if let batch = filter.batch { add("batch = ?", batch.jobID.blob) }
        if let client = filter.client { add("client = ?", Text(client)) }
        if let from = filter.from {
            add("created_at >= ?", from.milliseconds)
            // No ID is older than its job, so the search can end there.
            add("id >= ?", JobID.first(at: from).blob)
        }
        if let until = filter.until { add("created_at < ?", until.milliseconds) }
        if let cursor { add("id < ?", cursor.blob) }
        arguments.append(limit.databaseValue)
        sql = "WHERE " + conditions.joined(separator: " AND ") + " ORDER BY id DESC LIMIT ?"
        self.arguments = arguments
    }

    func run(_ db: Database, clock: StoreClock) throws -> [Job] {
        try JobRows(db: db, clock: clock).jobs(sql, StatementArguments(arguments)).map(\.job)
    }
}

/// The jobs that ended in one way.
struct Ending: Sendable {
    let status: JobStatus
    let jobs: Int
    let bytes: Int

    /// By the index alone, which has all that is asked for; SQLite would rather look at each job.
    static let query = """
        SELECT status, count(*), coalesce(sum(output_bytes), 0) FROM jobs INDEXED BY jobs_ended
        WHERE ended IS NOT NULL AND (ended > ? OR EXISTS (SELECT 1 FROM callbacks WHERE job = jobs.id))
        GROUP BY status
        """

    static func fetchAll(_ db: Database, since shown: Int64) throws -> [Ending] {
        return try Row.fetchAll(db.cachedStatement(sql: query), arguments: [shown]).compactMap { row in
            let columns = Columns(row: row)
            guard let status = StatusCode.status(try columns.int(0)) else { return nil }
            return Ending(status: status, jobs: try columns.int(1), bytes: try columns.int(2))
        }
    }
}
