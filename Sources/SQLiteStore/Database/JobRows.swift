import GRDB
import Jobs

/// Jobs as rows.
struct JobRows {
    let db: Database
    let clock: StoreClock
    /// What learns of rows that can't be read.
    let damage: StoreDamage
    /// Those of the connection that writes; nil for one that is only looked into.
    var statements: JobStatements?

    private var prepared: JobStatements { statements ?? JobStatements(db) }

    static let selection = "SELECT \(StoredJob.columns) FROM jobs"
    static let live = "WHERE status IN (0, 1)"
    static let ofBatch = "WHERE batch = ? ORDER BY place"
    static let reusable = "WHERE reuse_key = ? AND status = 2 AND ended > ? ORDER BY id DESC LIMIT 1"
    /// Whether somebody has to be told of a job that has ended.
    static let isAwaited = """
        (EXISTS (SELECT 1 FROM callbacks WHERE job = jobs.id) OR EXISTS (SELECT 1 FROM alerts WHERE job = jobs.id))
        """
    /// The first jobs that have expired and of which nobody has to be told, or that ended before a second time.
    static let expired = """
        SELECT id FROM jobs WHERE ended <= ?
        AND (ended <= ? OR NOT \(isAwaited)) LIMIT ?
        """

    /// Writes a job that has just come: queued, or claimed already.
    func insert(_ record: JobRecord, _ new: NewJob, place: Int) throws {
        let job = record.job
        try prepared.run(
            .insertJob,
            """
            INSERT INTO jobs (id, status, priority, client, model, model_sha256, name, kind, input_bytes, parts,
                output_estimate, subject, batch, place, callback, reuse_key, created_at,
                deadline_at, started_at, inserted, overdue, attempt, parts_done, token, revision, owner, trace, alerts)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        ) { values in
            values.id(job.id)
            values.int(StatusCode[job.status])
            values.int(job.priority.rawValue)
            values.text(job.client)
            values.text(job.model)
            values.text(job.modelSHA256)
            values.text(job.name)
            values.text(job.kind)
            values.int(job.inputBytes)
            values.int(job.parts)
            values.int(new.outputEstimate)
            values.blob(job.subject.bytes)
            values.id(job.batch?.jobID)
            values.int(place)
            values.text(job.callback)
            values.text(new.ownReuseKey)
            values.int64(job.createdAt.milliseconds)
            values.int64(job.deadline?.milliseconds)
            values.int64(job.startedAt?.milliseconds)
            values.int64(clock.stored(record.insertedAt))
            values.int64(record.overdueAt.map(clock.stored))
            values.int(job.attempt)
            values.int(job.partsDone)
            values.int64(record.holder.map { Int64(bitPattern: $0.secret) })
            values.int(job.revision)
            values.text(job.owner)
            values.text(job.trace)
            values.text(job.alerts.isEmpty ? nil : job.alerts.joined(separator: ","))
        }
    }

    /// Writes what a job is billed for.
    func bill(_ id: JobID, bytes: Int) throws {
        try db.cachedStatement(sql: "UPDATE jobs SET input_bytes = ? WHERE id = ?").execute(arguments: [bytes, id.blob])
    }

    /// Makes the jobs of a model's name whose digest is not known those of this model.
    func adopt(_ model: ModelID) throws {
        try db.cachedStatement(
            sql: """
                UPDATE jobs SET model_sha256 = ?, revision = revision + 1
                WHERE status IN (0, 1) AND +model = ? AND model_sha256 IS NULL
                """
        ).execute(arguments: [Text(model.sha256), Text(model.name)])
    }

    /// Writes what a job says of itself from now on.
    func update(_ subject: JobSubject, of job: JobID) throws {
        try db.cachedStatement(sql: "UPDATE jobs SET subject = ? WHERE id = ?")
            .execute(arguments: [Blob(subject.bytes), job.blob])
    }

    /// Writes what may have changed of a job; its row has to be there, and not to have ended.
    func update(_ record: JobRecord) throws {
        let job = record.job
        let changes = try prepared.run(
            .updateJob,
            """
            UPDATE jobs SET status = ?, started_at = ?, finished_at = ?, ended = ?, attempt = ?, parts_done = ?,
                token = ?, cancel_requested = ?, suspect = ?, failure_reason = ?, failure_detail = ?,
                queued_ns = ?, scored_ns = ?, output_bytes = ?, revision = ?
            WHERE id = ? AND status <= 1
            """
        ) { values in
            values.int(StatusCode[job.status])
            values.int64(job.startedAt?.milliseconds)
            values.int64(job.finishedAt?.milliseconds)
            values.int64(record.endedAt.map(clock.stored))
            values.int(job.attempt)
            values.int(job.partsDone)
            values.int64(record.holder.map { Int64(bitPattern: $0.secret) })
            values.bool(record.isCancelRequested)
            values.bool(record.isSuspect)
            values.text(job.failure?.reason)
            values.text(job.failure?.detail)
            values.int64(job.timings?.queued.nanosecondsClamped)
            values.int64(job.timings?.scored.nanosecondsClamped)
            values.int(job.outputBytes)
            values.int(job.revision)
            values.id(job.id)
        }
        guard changes == 1 else {
            throw StoreFault.refused(.damaged(job.id, "its row is not where it was"))
        }
    }

    /// The job, whatever has become of it; nil where there is no row.
    func job(_ id: JobID) throws -> StoredJob? {
        let rows = try Row.fetchCursor(
            db.cachedStatement(sql: Self.selection + " WHERE id = ?"), arguments: [id.blob])
        guard let row = try rows.next() else { return nil }
        do { return try StoredJob(row, clock: clock) } catch StoreFault.unreadable(let detail) {
            damage.met(.damaged(id, detail))
            throw StoreFault.refused(.damaged(id, detail))
        }
    }

    /// The jobs that a query finds. One whose row can't be read is told and left out, so that the others are found.
    func jobs(_ sql: String, _ arguments: StatementArguments = []) throws -> [StoredJob] {
        let rows = try Row.fetchCursor(db.cachedStatement(sql: Self.selection + " " + sql), arguments: arguments)
        var jobs: [StoredJob] = []
        while let row = try rows.next() {
            do { jobs.append(try StoredJob(row, clock: clock)) } catch StoreFault.unreadable(let detail) {
                let id = try? Columns(row: row).id(0)
                damage.met(
                    id.map { .damaged($0, detail) } ?? StoreFault.reason(of: StoreFault.unreadable(detail)))
            }
        }
        return jobs
    }
}
