import GRDB
import Jobs

/// A page of jobs, as a query.
struct ListQuery: Sendable {
    private let sql: String
    private let arguments: [DatabaseValue]

    init(_ filter: JobFilter, limit: Int, before cursor: JobID?, shownSince: Int64) {
        var conditions = ["(ended IS NULL OR ended > ? OR EXISTS (SELECT 1 FROM callbacks WHERE job = jobs.id))"]
        var arguments = [shownSince.databaseValue]
        func add(_ condition: String, _ value: some DatabaseValueConvertible) {
            conditions.append(condition)
            arguments.append(value.databaseValue)
        }
        if let status = filter.status { add("status = ?", StatusCode[status]) }
        if let batch = filter.batch { add("batch = ?", batch.jobID.blob) }
        if let client = filter.client { add("client = ?", client) }
        if let from = filter.from { add("created_at >= ?", from.milliseconds) }
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

    static func fetchAll(_ db: Database, since shown: Int64) throws -> [Ending] {
        let sql = "SELECT status, count(*), coalesce(sum(output_bytes), 0) FROM jobs WHERE ended > ? GROUP BY status"
        return try Row.fetchAll(db.cachedStatement(sql: sql), arguments: [shown]).compactMap { row in
            StatusCode.status(row[0]).map { Ending(status: $0, jobs: row[1], bytes: row[2]) }
        }
    }
}
