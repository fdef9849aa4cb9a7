import GRDB
public import Jobs

extension SQLiteJobStore {
    /// What ended after this, by the store's clock, is to be seen.
    var shownSince: Int64 {
        let (time, overflow) = database.believed(wall: clock.wall, now: clock.now)
            .subtractingReportingOverflow(settings.resultTTL.nanosecondsClamped)
        return overflow ? .min : time
    }

    /// The job, unless it has expired.
    public func job(_ id: JobID) async throws(JobStoreError) -> Job? {
        if let job = live.withLock({ $0.table.liveJob(id) }) { return job }
        let shown = shownSince
        let read = { @Sendable [database, live] (db: Database) in
            try WriteContext(db: db, clock: database.clock, live: live, damage: database.damage).shown(
                id, since: shown)
        }
        guard let job = try await database.read(read) else { return nil }
        if job.status.isEnded || live.withLock({ $0.table.records[id] != nil }) { return job }
        // Its end is being committed: the disk says what it was when it began, which is less than was shown before.
        _ = try? await writer.commit { _ in }
        return try await database.read(read)
    }

    /// Whose a job is that can't be read otherwise.
    public func ownerOfDamaged(_ id: JobID) async throws(JobStoreError) -> String? {
        try await database.read { db in
            let row = try Row.fetchOne(
                db.cachedStatement(sql: "SELECT owner FROM jobs WHERE id = ?"), arguments: [id.blob])
            return row.flatMap { try? Columns(row: $0).optionalText(0) }
        }
    }

    /// The output, checked against what was stored.
    public func output(_ id: JobID, fetching: Bool) async throws(JobStoreError) -> JobOutput? {
        if live.withLock({ $0.table.records[id] != nil }) { return nil }
        guard let result = try await result(of: id) else { return nil }
        if let body = result.place.body { return JobOutput(body: body) }
        do throws(JobStoreError) {
            let output = try await threads.runIfWanted { [files] () throws(JobStoreError) in
                let body = try files.read(result.file ?? "", bytes: result.place.bytes, of: id)
                do throws(StoreFault) { try Self.check(body, result.place, of: id) } catch {
                    throw StoreFault.reason(of: error)
                }
                return JobOutput(body: body)
            }
            guard let output else { throw JobStoreError.unavailable("nobody waits for it any more") }
            return output
        } catch {
            // The file of one that was deleted or has expired meanwhile is rightly gone.
            if case .damaged = error, try await self.result(of: id) == nil { return nil }
            throw error
        }
    }

    /// Where the output of a job is that is to be seen; nil where there is none.
    private func result(of id: JobID) async throws(JobStoreError) -> BodyRows.Result? {
        let shown = shownSince
        return try await database.read { [database, live] db in
            let context = WriteContext(db: db, clock: database.clock, live: live, damage: database.damage)
            guard let stored = try context.jobs.job(id), context.isShown(stored, since: shown) else { return nil }
            guard let result = try context.bodies.result(id) else {
                guard stored.job.status == .succeeded else { return nil }
                throw StoreFault.refused(.damaged(id, "its result is not there"))
            }
            if let body = result.place.body { try Self.check(body, result.place, of: id) }
            return result
        }
    }

    private static func check(_ body: [UInt8], _ place: BodyRows.Place, of id: JobID) throws(StoreFault) {
        guard StoredBody.digest(body) == place.sha256 else {
            throw .refused(.damaged(id, "its result is not the one that was stored: its SHA-256 differs"))
        }
    }

    /// A page of jobs.
    public func list(
        _ filter: JobFilter, limit: Int, before cursor: JobID?
    ) async throws(JobStoreError) -> [Job] {
        guard limit > 0 else { return [] }
        let query = ListQuery(filter, limit: limit, before: cursor, shownSince: shownSince)
        return try await database.read { [database, live] db in
            let stored = try query.run(database.rows(db))
            return live.withLock { live in
                stored.map { job in
                    // Where memory is ahead of the disk the disk counts, so that the page is of one moment.
                    if let now = live.table.liveJob(job.id), now.status == job.status { now } else { job }
                }
            }
        }
    }

    /// A batch, unless all of it has expired.
    public func batch(_ id: BatchID) async throws(JobStoreError) -> Batch? {
        let shown = shownSince
        return try await database.read { [database, live] db in
            let context = WriteContext(db: db, clock: database.clock, live: live, damage: database.damage)
            let jobs = try context.shown(id, since: shown)
            return jobs.isEmpty ? nil : Batch(id: id, jobs: jobs)
        }
    }

    /// Throws where the folder is not the one that was opened, where the disk has no room for a job, where a large body
    /// can't be written, or where the last thing that was to be written was not.
    public func checkWritable() async throws(JobStoreError) {
        let found = try await look()
        if let change = found.change { throw .unavailable(change) }
        try database.damage.check()
        if let lack = found.lack { throw lack }
        try await probe.check()
        try await checkWriter()
    }

    /// Throws the same. The folder was looked at a tenth of a second ago, and the files were tried a second ago, at most.
    public func checkTakes() async throws(JobStoreError) {
        guard database.isFolderFineJustNow else { return try await checkWritable() }
        try database.damage.check()
        try await checkRoom()
        if !probe.wasFineJustNow { try await probe.check() }
        try await checkWriter()
    }

    private func checkWriter() async throws(JobStoreError) {
        if let fault = database.sumsFault { throw fault }
        guard writer.fault != nil else { return }
        let (wall, now) = (clock.wall, clock.now)
        try await writer.commit { [database] context in try database.writeClock(context.db, wall: wall, now: now) }
    }

    /// What the store holds.
    public func counts() async throws(JobStoreError) -> JobCounts {
        var counts = live.withLock { $0.table.counts() }
        let shown = shownSince
        if let ended = try await database.read({ try Endings.fetch($0, since: shown) }) {
            counts.succeeded = ended.succeeded
            counts.failed = ended.failed
            counts.cancelled = ended.cancelled
            counts.endedBytes += ended.bytes
        }
        return counts
    }
}
