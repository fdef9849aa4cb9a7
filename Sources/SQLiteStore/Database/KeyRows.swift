import GRDB
import Jobs

/// Idempotency keys as rows. A key lives as long as a job that it stands for.
struct KeyRows {
    /// What a key stands for.
    struct Answer {
        /// Whether it came with the same fingerprint.
        let isSame: Bool
        let job: JobID
        let batch: BatchID?
    }

    let db: Database

    func insert(_ key: IdempotencyKey, first: JobID, jobs: Int, batch: BatchID?) throws {
        try db.cachedStatement(
            sql: "INSERT INTO keys (client, text, fingerprint, batch, job, jobs) VALUES (?, ?, ?, ?, ?, ?)"
        ).execute(arguments: [
            Text(key.client), Text(key.text), Text(key.fingerprint), batch?.jobID.blob, first.blob, jobs,
        ])
    }

    /// What the key stands for; nil where it is new.
    func answer(to key: IdempotencyKey) throws -> Answer? {
        let statement = try db.cachedStatement(
            sql: "SELECT fingerprint, job, batch FROM keys WHERE client = ? AND text = ?")
        guard let row = try Row.fetchOne(statement, arguments: [Text(key.client), Text(key.text)]) else { return nil }
        let columns = Columns(row: row)
        let fingerprint = try columns.text(0)
        return Answer(
            isSame: fingerprint == key.fingerprint, job: try columns.id(1),
            batch: try columns.optionalID(2).map { BatchID($0) })
    }

    /// Frees a key.
    func remove(_ key: IdempotencyKey) throws {
        try db.cachedStatement(sql: "DELETE FROM keys WHERE client = ? AND text = ?")
            .execute(arguments: [Text(key.client), Text(key.text)])
    }

    /// One of the key's jobs is forgotten.
    func forget(_ job: JobID, batch: BatchID?) throws {
        try db.cachedStatement(sql: "DELETE FROM keys WHERE job = ? AND batch IS NULL").execute(arguments: [job.blob])
        guard let batch else { return }
        try db.cachedStatement(sql: "UPDATE keys SET jobs = jobs - 1 WHERE batch = ?")
            .execute(arguments: [batch.jobID.blob])
        try db.cachedStatement(sql: "DELETE FROM keys WHERE batch = ? AND jobs = 0")
            .execute(arguments: [batch.jobID.blob])
    }
}
