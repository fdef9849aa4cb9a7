import GRDB
import Jobs

/// Jobs as rows.
struct JobRows {
    let db: Database
    let clock: StoreClock
    /// What learns of rows that can't be read.
    let damage: StoreDamage

    static let selection = "SELECT \(StoredJob.columns) FROM jobs"
    static let live = "WHERE status <= 1 ORDER BY id"
    static let ofBatch = "WHERE batch = ? ORDER BY place"
    static let reusable = "WHERE reuse_key = ? AND status = 2 AND ended > ? ORDER BY id DESC LIMIT 1"
    /// The first jobs that have expired and of which nobody has to be told, or that ended before a second time.
    static let expired = """
        SELECT id FROM jobs WHERE ended <= ?
        AND (ended <= ? OR NOT EXISTS (SELECT 1 FROM callbacks WHERE job = jobs.id)) LIMIT ?
        """

    private static func insertion(_ more: String, _ places: String) -> String {
        """
        INSERT INTO jobs (id, status, priority, client, model, model_sha256, name, kind, input_bytes, parts,
            output_estimate, subject, batch, place, callback, reuse_key, created_at,
            deadline_at, inserted, overdue, attempt, parts_done, revision\(more))
        VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 1\(places))
        """
    }

    private static let insertion = insertion("", "")
    private static let ownedInsertion = insertion(", owner, trace", ", ?, ?")

    /// Writes a job that is queued. What it has not, or not yet, is left out: GRDB copies nothing of up to 20 values.
    func insert(_ record: JobRecord, _ new: NewJob, place: Int) throws {
        let job = record.job
        let isPlain = job.owner == nil && job.trace == nil
        var arguments: StatementArguments = [
            job.id.blob, job.priority.rawValue, Text(job.client), Text(job.model),
            Text(job.modelSHA256), Text(job.name), Text(job.kind), job.inputBytes, job.parts, new.outputEstimate,
            Blob(job.subject.bytes), job.batch?.jobID.blob, place, Text(job.callback), Text(new.ownReuseKey),
            job.createdAt.milliseconds,
            job.deadline?.milliseconds, clock.stored(record.insertedAt), record.overdueAt.map(clock.stored),
        ]
        if !isPlain { arguments += [Text(job.owner), Text(job.trace)] }
        try db.cachedStatement(sql: isPlain ? Self.insertion : Self.ownedInsertion).execute(arguments: arguments)
    }

    /// Makes the jobs of a model's name whose digest is not known those of this model.
    func adopt(_ model: ModelID) throws {
        try db.cachedStatement(
            sql: """
                UPDATE jobs SET model_sha256 = ?, revision = revision + 1
                WHERE status <= 1 AND model = ? AND model_sha256 IS NULL
                """
        ).execute(arguments: [Text(model.sha256), Text(model.name)])
    }

    /// Writes what may have changed of a job; its row has to be there, and not to have ended.
    func update(_ record: JobRecord) throws {
        let job = record.job
        try db.cachedStatement(
            sql: """
                UPDATE jobs SET status = ?, started_at = ?, finished_at = ?, ended = ?, attempt = ?, parts_done = ?,
                    token = ?, cancel_requested = ?, suspect = ?, failure_reason = ?, failure_detail = ?,
                    queued_ns = ?, scored_ns = ?, output_bytes = ?, revision = ?
                WHERE id = ? AND status <= 1
                """
        ).execute(arguments: [
            StatusCode[job.status], job.startedAt?.milliseconds, job.finishedAt?.milliseconds,
            record.endedAt.map(clock.stored), job.attempt, job.partsDone,
            record.holder.map { Int64(bitPattern: $0.secret) }, record.isCancelRequested, record.isSuspect,
            Text(job.failure?.reason), Text(job.failure?.detail), job.timings?.queued.nanosecondsClamped,
            job.timings?.scored.nanosecondsClamped, job.outputBytes, job.revision, job.id.blob,
        ])
        guard db.changesCount == 1 else {
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
