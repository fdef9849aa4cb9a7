import GRDB
import Jobs

/// Idempotency keys as rows. A key lives as long as a job that it stands for.
struct KeyRows {
    let db: Database

    func insert(_ key: IdempotencyKey, first: JobID, jobs: Int, batch: BatchID?) throws {
        try db.cachedStatement(
            sql: "INSERT INTO keys (client, text, fingerprint, batch, job, jobs) VALUES (?, ?, ?, ?, ?, ?)"
        ).execute(arguments: [key.client, key.text, key.fingerprint, batch?.jobID.blob, first.blob, jobs])
    }

    /// What the key stands for; throws `keyReused` where that is something else.
    func answer(to key: IdempotencyKey) throws -> (job: JobID, batch: BatchID?)? {
        let statement = try db.cachedStatement(
            sql: "SELECT fingerprint, job, batch FROM keys WHERE client = ? AND text = ?")
        guard let row = try Row.fetchOne(statement, arguments: [key.client, key.text]),
            let job = JobID(row["job"] as Blob?)
        else { return nil }
        guard row["fingerprint"] == key.fingerprint else { throw StoreFault.refused(.keyReused(key.text)) }
        return (job, JobID(row["batch"] as Blob?).map { BatchID($0) })
    }

    /// One of the key's jobs is forgotten.
    func forget(_ job: JobID, batch: BatchID?) throws {
        guard let batch else {
            try db.cachedStatement(sql: "DELETE FROM keys WHERE job = ? AND batch IS NULL")
                .execute(arguments: [job.blob])
            return
        }
        try db.cachedStatement(sql: "UPDATE keys SET jobs = jobs - 1 WHERE batch = ?")
            .execute(arguments: [batch.jobID.blob])
        try db.cachedStatement(sql: "DELETE FROM keys WHERE batch = ? AND jobs = 0")
            .execute(arguments: [batch.jobID.blob])
    }
}
