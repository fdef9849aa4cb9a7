import GRDB
import Jobs

extension SQLiteJobStore {
    /// Checks that memory and disk say the same, and says where they do not; nothing may be going on meanwhile but what
    /// the writer does.
    func differences() async throws(JobStoreError) -> [String] {
        try await writer.commit { context in
            let table = context.live.withLock { live in
                live.table.checkInvariants()
                return live.table
            }
            let stored = try context.jobs.jobs(JobRows.live).map(\.record)
            var found: [String] = []
            if Set(stored.map(\.job.id)) != Set(table.records.keys) { found.append("other jobs are live") }
            for record in stored {
                guard let known = table.records[record.job.id] else { continue }
                var job = known.job
                // Progress is not written.
                (job.partsDone, job.revision) = (record.job.partsDone, record.job.revision)
                if job != record.job { found.append("job \(job.id) is \(job), stored is \(record.job)") }
                if known.holder != record.holder || known.isCancelRequested != record.isCancelRequested
                    || known.isSuspect != record.isSuspect || known.insertedAt != record.insertedAt
                    || known.overdueAt != record.overdueAt || known.promise != record.promise
                {
                    found.append("the record of job \(job.id) is \(known), stored is \(record)")
                }
            }
            return found + (try Self.strays(context.db))
        }
    }

    /// Rows that belong to no job, and jobs without the rows that they need.
    private static func strays(_ db: Database) throws -> [String] {
        let queries = [
            "a payload of no job": "SELECT count(*) FROM payloads WHERE job NOT IN (SELECT id FROM jobs)",
            "a result of no job": """
            SELECT count(*) FROM results WHERE job NOT IN (SELECT id FROM jobs WHERE status = 2)
            """,
            "a callback of no job": """
            SELECT count(*) FROM callbacks WHERE job NOT IN (SELECT id FROM jobs WHERE status >= 2)
            """,
            "an alert of no job": """
            SELECT count(*) FROM alerts WHERE job NOT IN (SELECT id FROM jobs)
            """,
            "remarks of no job": """
            SELECT count(*) FROM remarks WHERE job NOT IN (SELECT id FROM jobs WHERE status >= 2)
            """,
            "a key of no job": """
            SELECT count(*) FROM keys WHERE (batch IS NULL AND job NOT IN (SELECT id FROM jobs))
                OR (batch IS NOT NULL AND jobs <> (SELECT count(*) FROM jobs WHERE batch = keys.batch))
            """,
            "a live job without payload": """
            SELECT count(*) FROM jobs WHERE status <= 1 AND id NOT IN (SELECT job FROM payloads)
            """,
            "a succeeded job without result": """
            SELECT count(*) FROM jobs WHERE status = 2 AND id NOT IN (SELECT job FROM results)
            """,
        ]
        return try queries.filter { try Int.fetchOne(db, sql: $0.value) != 0 }.map(\.key).sorted()
    }
}
