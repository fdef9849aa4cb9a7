public import Jobs

extension SQLiteJobStore {
    /// What ended after this, by the store's clock, is to be seen.
    var shownSince: Int64 {
        let (time, overflow) = database.clock.stored(clock.now)
            .subtractingReportingOverflow(settings.resultTTL.nanosecondsClamped)
        return overflow ? .min : time
    }

    /// The job, unless it has expired.
    public func job(_ id: JobID) async throws(JobStoreError) -> Job? {
        if let job = live.withLock({ $0.table.job(id) }) { return job }
        let shown = shownSince
        return try await database.read { [database, live] db in
            let context = WriteContext(db: db, clock: database.clock, live: live)
            return try context.jobs.job(id).flatMap { context.isShown($0, since: shown) ? $0.job : nil }
        }
    }

    /// The output, checked against what was stored.
    public func output(_ id: JobID, fetching: Bool) async throws(JobStoreError) -> JobOutput? {
        let shown = shownSince
        let place: BodyRows.Place? = try await database.read { [database, live] db in
            let context = WriteContext(db: db, clock: database.clock, live: live)
            guard let stored = try context.jobs.job(id), context.isShown(stored, since: shown) else { return nil }
            return try context.bodies.result(id)
        }
        guard let place else { return nil }
        return try await threads.run { [files] () throws(JobStoreError) in
            let body: [UInt8]
            if let row = place.body { body = row } else { body = try files.read(id, .output, bytes: place.bytes) }
            guard StoredBody.digest(body) == place.sha256 else {
                throw .damaged(id, "its result is not the one that was stored: its SHA-256 differs")
            }
            return JobOutput(body: body)
        }
    }

    /// A page of jobs.
    public func list(
        _ filter: JobFilter, limit: Int, before cursor: JobID?
    ) async throws(JobStoreError) -> [Job] {
        guard limit > 0 else { return [] }
        let query = ListQuery(filter, limit: limit, before: cursor, shownSince: shownSince)
        return try await database.read { [database, live] db in
            let stored = try query.run(db, clock: database.clock)
            return live.withLock { live in
                stored.map { job in
                    // Where memory is ahead of the disk the disk counts, so that the page is of one moment.
                    if let now = live.table.job(job.id), now.status == job.status { now } else { job }
                }
            }
        }
    }

    /// A batch, unless all of it has expired.
    public func batch(_ id: BatchID) async throws(JobStoreError) -> Batch? {
        let shown = shownSince
        return try await database.read { [database, live] db in
            let context = WriteContext(db: db, clock: database.clock, live: live)
            let jobs = try context.jobs.jobs("WHERE batch = ? ORDER BY place", [id.jobID.blob])
                .filter { context.isShown($0, since: shown) }
                .map { stored in live.withLock { $0.table.job(stored.job.id) } ?? stored.job }
            return jobs.isEmpty ? nil : Batch(id: id, jobs: jobs)
        }
    }

    /// Throws where the disk has no room for a job, or where the last thing that was to be written was not.
    public func checkWritable() async throws(JobStoreError) {
        do throws(StoreFault) {
            try space.check(needed: 1, promised: live.withLock { $0.table.promisedBytes })
        } catch { throw StoreFault.reason(of: error) }
        guard writer.fault != nil else { return }
        let (wall, now) = (clock.wall, clock.now)
        try await writer.commit { [database] context in try database.writeClock(context.db, wall: wall, now: now) }
    }

    /// What the store holds.
    public func counts() async throws(JobStoreError) -> JobCounts {
        var counts = live.withLock { $0.table.counts() }
        let shown = shownSince
        let ended = try await database.read { db in
            try Ending.fetchAll(db, since: shown)
        }
        for each in ended {
            switch each.status {
            case .succeeded: counts.succeeded = each.jobs
            case .failed: counts.failed = each.jobs
            case .cancelled: counts.cancelled = each.jobs
            case .queued, .running: break
            }
            counts.endedBytes += each.bytes
        }
        return counts
    }
}
