import GRDB
import Jobs

/// A page of jobs, as a query.
struct ListQuery: Sendable {
    let sql: String
    let arguments: [DatabaseValue]

    init(_ filter: JobFilter, limit: Int, before cursor: JobID?, shownSince: Int64) {
        var conditions = ["(ended IS NULL OR ended > ? OR \(JobRows.isAwaited))"]
        var arguments = [shownSince.databaseValue]
        func add(_ condition: String, _ value: some DatabaseValueConvertible) {
            conditions.append(condition)
            arguments.append(value.databaseValue)
        }
        // A batch has few jobs, of one owner and mostly of one model: its own index finds the least, whatever else is asked for.
        let sign = filter.batch == nil ? "" : "+"
        if let owner = filter.owner { add(sign + "owner = ?", Text(owner)) }
        // Most jobs that are kept have succeeded, so that their model tells more; of any other status there are few.
        let byModel = filter.model != nil && (filter.status == nil || filter.status == .succeeded)
        if let status = filter.status { add((byModel ? "+" : sign) + "status = ?", StatusCode[status]) }
        if let batch = filter.batch { add("batch = ?", batch.jobID.blob) }
        if let client = filter.client { add("client = ?", Text(client)) }
        if let model = filter.model { add((byModel ? sign : "+") + "model = ?", Text(model)) }
        if let digits = filter.modelDigits { add("substr(model_sha256, 1, \(digits.utf8.count)) = ?", Text(digits)) }
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

    func run(_ rows: JobRows) throws -> [Job] {
        try rows.jobs(sql, StatementArguments(arguments)).map(\.job)
    }
}

/// How many jobs ended in which way, and what they hold.
struct Endings: Sendable {
    let succeeded: Int
    let failed: Int
    let cancelled: Int
    let bytes: Int

    /// By the index alone, which has all that is asked for; SQLite would rather look at each job.
    static let query = """
        SELECT coalesce(sum(status = 2), 0), coalesce(sum(status = 3), 0), coalesce(sum(status = 4), 0),
            coalesce(sum(output_bytes), 0)
        FROM jobs INDEXED BY jobs_ended
        WHERE ended IS NOT NULL AND (ended > ? OR \(JobRows.isAwaited))
        """

    static func fetch(_ db: Database, since shown: Int64) throws -> Endings? {
        try Row.fetchOne(db.cachedStatement(sql: query), arguments: [shown]).map { row in
            let columns = Columns(row: row)
            return Endings(
                succeeded: try columns.int(0), failed: try columns.int(1), cancelled: try columns.int(2),
                bytes: try columns.int(3))
        }
    }
}
