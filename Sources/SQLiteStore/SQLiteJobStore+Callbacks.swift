public import Jobs
import Platform

extension SQLiteJobStore {
    /// Notes that are due and have room, which are this caller's for a while. The writer is asked only where there are
    /// some.
    public func takeCallbacks(
        limit: Int, within room: CallbackRoom
    ) async throws(JobStoreError) -> [CallbackNote] {
        let now = clock.now
        let stored = database.clock.stored(now)
        let found = try await database.read { try CallbackRows(db: $0).due(limit: limit, within: room, now: stored) }
        guard found.isAny else { return [] }
        return try await writer.commit { context in
            try context.take(found, now: stored).compactMap {
                due -> CallbackNote? in
                do {
                    if let job = try context.jobs.job(due.job) {
                        return CallbackNote(
                            job: job.job, url: due.url, tries: due.tries, age: now - (job.endedAt ?? now))
                    }
                } catch StoreFault.refused(.damaged) {}
                // Nobody can say what became of the job; the others are not behind it.
                try context.settle(due.job, .settled, now: stored)
                return nil
            }
        }
    }

    /// What came of a note.
    public func settleCallback(of job: JobID, _ verdict: CallbackVerdict) async throws(JobStoreError) {
        let now = database.clock.stored(clock.now)
        try await writer.commit { try $0.settle(job, verdict, now: now) }
    }
}
