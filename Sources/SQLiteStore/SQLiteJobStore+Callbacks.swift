public import Jobs

extension SQLiteJobStore {
    /// Notes that are due, which are this caller's for a while.
    public func takeCallbacks(limit: Int) async throws(JobStoreError) -> [CallbackNote] {
        let now = clock.now
        let stored = database.clock.stored(now)
        guard limit > 0, try await database.read({ try CallbackRows(db: $0).isDue(now: stored) }) else { return [] }
        return try await writer.commit { context in
            try context.callbacks.take(limit: limit, now: stored).compactMap { due -> CallbackNote? in
                do {
                    return try context.jobs.job(due.job).map { job in
                        CallbackNote(
                            job: job.job, url: due.url, tries: due.tries, age: now - (job.endedAt ?? now))
                    }
                } catch StoreFault.refused(.damaged) {
                    // Nobody can say what became of the job; the others are not behind it.
                    try context.callbacks.remove(due.job)
                    return nil
                }
            }
        }
    }

    /// What came of a note.
    public func settleCallback(of job: JobID, _ verdict: CallbackVerdict) async throws(JobStoreError) {
        let now = database.clock.stored(clock.now)
        try await writer.commit { try $0.callbacks.settle(job, verdict, now: now) }
    }
}
