import GRDB
import Jobs

/// Jobs as rows.
struct JobRows {
    let db: Database
    let clock: StoreClock

    private static let columns = """
        id, status, priority, client, model, name, snippets, input_bytes, parts, output_estimate, features_sha256,
        warnings, batch, place, callback, reuse_key, created_at, deadline_at, started_at, finished_at, inserted,
        overdue, ended, attempt, parts_done, token, cancel_requested, suspect, failure_reason, failure_detail, queued_ns, scored_ns,
        output_bytes, revision
        """
    static let selection = "SELECT \(columns) FROM jobs"

    func insert(_ record: JobRecord, _ new: NewJob, place: Int) throws {
        let job = record.job
        let values: [(any DatabaseValueConvertible)?] = [
            job.id.blob, StatusCode[job.status], job.priority.rawValue, job.client, job.model, job.name,
            job.snippets, job.inputBytes, job.parts, new.outputEstimate, job.featuresSHA256.text,
            job.warnings.joined(separator: "\n"), job.batch?.jobID.blob, place, job.callback, new.reuseKey,
            job.createdAt.milliseconds, job.deadline?.milliseconds, nil, nil,
            clock.stored(record.insertedAt), record.overdueAt.map(clock.stored), nil,
            job.attempt, job.partsDone, nil, false, false, nil, nil, nil, nil, nil, job.revision,
        ]
        let marks = repeatElement("?", count: values.count).joined(separator: ", ")
        try db.cachedStatement(sql: "INSERT INTO jobs (\(Self.columns)) VALUES (\(marks))")
            .execute(arguments: StatementArguments(values))
    }

    /// Writes what may have changed of a job; its row has to be there.
    func update(_ record: JobRecord) throws {
        let job = record.job
        try db.cachedStatement(
            sql: """
                UPDATE jobs SET status = ?, started_at = ?, finished_at = ?, ended = ?, attempt = ?, parts_done = ?,
                    token = ?,
                    cancel_requested = ?, suspect = ?, failure_reason = ?, failure_detail = ?, queued_ns = ?,
                    scored_ns = ?, output_bytes = ?, revision = ?
                WHERE id = ? AND status <= 1
                """
        ).execute(arguments: [
            StatusCode[job.status], job.startedAt?.milliseconds, job.finishedAt?.milliseconds,
            record.endedAt.map(clock.stored), job.attempt, job.partsDone,
            record.holder.map { Int64(bitPattern: $0.secret) },
            record.isCancelRequested, record.isSuspect, job.failure?.reason, job.failure?.detail,
            job.timings?.queued.nanosecondsClamped, job.timings?.scored.nanosecondsClamped, job.outputBytes,
            job.revision, job.id.blob,
        ])
        guard db.changesCount == 1 else {
            throw StoreFault.refused(.damaged(job.id, "its row is not where it was"))
        }
    }

    /// The job, whatever has become of it; nil where there is no row.
    func job(_ id: JobID) throws -> StoredJob? {
        try Row.fetchOne(db.cachedStatement(sql: Self.selection + " WHERE id = ?"), arguments: [id.blob])
            .flatMap { StoredJob($0, clock: clock) }
    }

    func jobs(_ sql: String, _ arguments: StatementArguments = []) throws -> [StoredJob] {
        try Row.fetchAll(db.cachedStatement(sql: Self.selection + " " + sql), arguments: arguments)
            .compactMap { StoredJob($0, clock: clock) }
    }
}

/// A job as its row says it is.
struct StoredJob {
    let job: Job
    let outputEstimate: Int
    let insertedAt: MonotonicTime
    let overdueAt: MonotonicTime?
    let endedAt: MonotonicTime?
    let holder: ClaimToken?
    let isCancelRequested: Bool
    let isSuspect: Bool
    let place: Int

    init?(_ row: Row, clock: StoreClock) {
        guard let id = JobID(row["id"] as Blob?), let status = StatusCode.status(row["status"]),
            let priority = Priority(rawValue: row["priority"])
        else { return nil }
        let failure = (row["failure_reason"] as String?).map { reason in
            JobFailure(reason: reason, detail: row["failure_detail"] ?? "")
        }
        let warnings: String = row["warnings"]
        job = Job(
            id: id, status: status, name: row["name"], client: row["client"],
            batch: JobID(row["batch"] as Blob?).map { BatchID($0) }, priority: priority, model: row["model"],
            snippets: row["snippets"], inputBytes: row["input_bytes"],
            featuresSHA256: FeatureDigest(row["features_sha256"] as String),
            warnings: warnings.split(separator: "\n").map(String.init), callback: row["callback"],
            createdAt: WallTime(milliseconds: row["created_at"]),
            deadline: (row["deadline_at"] as Int64?).map { WallTime(milliseconds: $0) },
            startedAt: (row["started_at"] as Int64?).map { WallTime(milliseconds: $0) },
            finishedAt: (row["finished_at"] as Int64?).map { WallTime(milliseconds: $0) },
            attempt: row["attempt"], parts: row["parts"], partsDone: row["parts_done"],
            failure: failure, timings: Self.timings(row), outputBytes: row["output_bytes"], revision: row["revision"])
        outputEstimate = row["output_estimate"]
        insertedAt = clock.read(row["inserted"])
        overdueAt = (row["overdue"] as Int64?).map(clock.read)
        endedAt = (row["ended"] as Int64?).map(clock.read)
        holder = (row["token"] as Int64?).map { ClaimToken(job: id, secret: UInt64(bitPattern: $0)) }
        isCancelRequested = row["cancel_requested"]
        isSuspect = row["suspect"]
        place = row["place"]
    }

    private static func timings(_ row: Row) -> JobTimings? {
        guard let queued = row["queued_ns"] as Int64?, let scored = row["scored_ns"] as Int64? else { return nil }
        return JobTimings(queued: .nanoseconds(queued), scored: .nanoseconds(scored))
    }

    /// The record of a job that has not ended.
    var record: JobRecord {
        var record = JobRecord(
            job: job, input: nil, outputEstimate: outputEstimate, insertedAt: insertedAt, overdueAt: overdueAt)
        record.holder = holder
        record.isCancelRequested = isCancelRequested
        record.isSuspect = isSuspect
        return record
    }
}

/// The numbers of the statuses, which stay what they are.
enum StatusCode {
    private static let order: [JobStatus] = [.queued, .running, .succeeded, .failed, .cancelled]

    static subscript(status: JobStatus) -> Int {
        switch status {
        case .queued: 0
        case .running: 1
        case .succeeded: 2
        case .failed: 3
        case .cancelled: 4
        }
    }

    static func status(_ code: Int) -> JobStatus? { order.indices.contains(code) ? order[code] : nil }
}

extension Duration {
    /// In whole nanoseconds, at most what fits.
    var nanosecondsClamped: Int64 { MonotonicTime(nanoseconds: 0).advanced(by: self).nanoseconds }
}
