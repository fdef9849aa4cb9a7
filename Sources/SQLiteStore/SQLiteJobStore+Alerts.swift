public import Jobs
import Platform

extension SQLiteJobStore {
    /// Notes that a place has to be told of, which are this caller's for a while.
    public func takeAlerts(for place: String, limit: Int) async throws(JobStoreError) -> [AlertNote] {
        let now = clock.now
        let stored = database.clock.stored(now)
        let found = try await database.read { try AlertRows(db: $0).due(place, limit: limit, now: stored) }
        guard found.isAny else { return [] }
        return try await writer.commit { context in
            try context.take(found, place, now: stored).compactMap { due -> AlertNote? in
                do {
                    if let job = try context.jobs.job(due.job) {
                        return AlertNote(
                            job: job.job, place: place, tries: due.tries, age: now - (job.endedAt ?? now))
                    }
                } catch StoreFault.refused(.damaged) {}
                // Nobody can say what became of the job; the others are not behind it.
                try context.settle(due.job, place, .settled, now: stored)
                return nil
            }
        }
    }

    /// What came of a note.
    public func settleAlert(
        of job: JobID, for place: String, _ verdict: CallbackVerdict
    ) async throws(JobStoreError) {
        let now = database.clock.stored(clock.now)
        try await writer.commit { try $0.settle(job, place, verdict, now: now) }
    }

    /// How far a place was told.
    public func alertMark(of job: JobID, for place: String) async throws(JobStoreError) -> [UInt8]? {
        try await database.read { try AlertRows(db: $0).mark(of: job, place) }
    }

    /// Keeps how far a place was told.
    public func setAlertMark(_ mark: [UInt8], of job: JobID, for place: String) async throws(JobStoreError) {
        try await writer.commit { try $0.alerts.setMark(mark, of: job, place) }
    }

    /// How many notes wait to be told to places.
    public var waitingAlerts: Int? { live.withLock { max($0.tally.alerts, 0) } }
}

extension WriteContext {
    /// Takes notes for a place, and removes those that can't be read.
    fileprivate func take(_ found: AlertRows.Found, _ place: String, now: Int64) throws -> [AlertRows.Due] {
        let removed = try alerts.removeUnreadable(found, place)
        live.withLock { $0.tallyToCommit.alerts -= removed }
        return try alerts.take(found, place, now: now)
    }

    /// Notes what came of telling a place of a job.
    fileprivate func settle(_ job: JobID, _ place: String, _ verdict: CallbackVerdict, now: Int64) throws {
        guard try alerts.settle(job, place, verdict, now: now) else { return }
        live.withLock { $0.tallyToCommit.alerts -= 1 }
    }
}
