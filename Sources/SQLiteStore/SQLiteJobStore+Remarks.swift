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

    /// Puts bytes beside a job that has ended, where all of them together are no more than may be.
    public func remark(
        _ id: JobID, _ bytes: [UInt8], over revision: Int
    ) async throws(JobStoreError) -> RemarkOutcome {
        let shown = shownSince
        try await countRemark(of: bytes.count)
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

    /// Counts what is about to be written; where that may be too much, all is counted anew, since of what is replaced or goes with
    /// its job nothing is known here.
    private func countRemark(of bytes: Int) async throws(JobStoreError) {
        let needed = bytes + RemarkRows.overhead
        let limit = settings.remarkBytes
        func fits() -> Bool {
            remarkBytes.withLock { held in
                guard let now = held, needed <= limit - now else { return false }
                held = now + needed
                return true
            }
        }
        if fits() { return }
        let held = try await database.read { try RemarkRows(db: $0).bytes() }
        remarkBytes.withLock { $0 = held }
        guard fits() else { throw .full(neededBytes: needed, heldBytes: held, limitBytes: limit) }
    }
}
