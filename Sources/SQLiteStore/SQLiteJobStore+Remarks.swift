import GRDB
public import Jobs

extension SQLiteJobStore {
    /// What was put beside a job that is to be seen.
    public func remarks(_ id: JobID) async throws(JobStoreError) -> JobRemarks? {
        let shown = shownSince
        return try await database.read { [database, live] db in
            let context = WriteContext(db: db, clock: database.clock, live: live, damage: database.damage)
            guard let stored = try context.jobs.job(id), context.isShown(stored, since: shown) else { return nil }
            return try context.remarks.remarks(id)
        }
    }

    /// Puts bytes beside a job that has ended.
    public func remark(
        _ id: JobID, _ bytes: [UInt8], over revision: Int
    ) async throws(JobStoreError) -> RemarkOutcome {
        let shown = shownSince
        return try await writer.commit(Commit.Manner(mayUseBallast: false)) { context in
            guard let stored = try context.jobs.job(id), stored.job.status.isEnded,
                context.isShown(stored, since: shown)
            else { return .unknown }
            let former = try context.remarks.remarks(id)
            guard former?.revision ?? 0 == revision else { return .changed(former) }
            let new = JobRemarks(bytes, revision: revision + 1)
            try context.remarks.write(new, id)
            return .kept(new)
        }
    }
}
