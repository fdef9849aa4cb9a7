import GRDB
public import Jobs

extension SQLiteJobStore {
    /// How many jobs are removed in one transaction, so that nobody waits long for it.
    private static let mostAtOnce = 200

    /// Removes an ended job with all that belongs to it.
    public func forget(_ id: JobID) async throws(JobStoreError) -> Bool {
        let shown = shownSince
        let isForgotten = try await writer.commit { context in
            guard let stored = try context.jobs.job(id), stored.job.status.isEnded,
                context.isShown(stored, since: shown)
            else { return false }
            try context.remove(stored.job)
            return true
        }
        if isForgotten { await removeFiles(of: [id]) }
        return isForgotten
    }

    /// Ends what is too late, and removes what has expired, a part at a time.
    public func expire() async throws(JobStoreError) -> Expired {
        let (wall, now, ttl) = (clock.wall, clock.now, settings.uploadTTL)
        let stored = database.clock.stored(now)
        if live.withLock({ $0.table.isOverdue(now: now) }) {
            try await writer.commit { try $0.endOverdue(wall: wall, now: now, uploadTTL: ttl) }
        }
        var expired = Expired(overdue: await takeOverdue())
        while case let removed = try await removeExpired(), removed > 0 { expired.removed += removed }
        try await removeUploads(expiredBy: stored)
        space.takeOnBallast()
        try await noteTime(wall: wall, now: now)
        return expired
    }

    /// The jobs that ended unasked since the last time.
    private func takeOverdue() async -> [Job] {
        let late = live.withLock { live in
            defer { live.overdue = [] }
            return live.overdue
        }
        for job in late {
            _ = inputs.take(job.job.id)
            if job.inputIsGone { await remove(job.job.id, .input) }
        }
        return late.map(\.job)
    }

    private func removeExpired() async throws(JobStoreError) -> Int {
        let shown = shownSince
        let ids: [JobID] = try await database.read { db in
            let sql = """
                SELECT id FROM jobs WHERE ended <= ? AND NOT EXISTS (SELECT 1 FROM callbacks WHERE job = jobs.id) LIMIT ?
                """
            return try Blob.fetchAll(db.cachedStatement(sql: sql), arguments: [shown, Self.mostAtOnce])
                .compactMap { JobID($0) }
        }
        guard !ids.isEmpty else { return 0 }
        try await writer.commit { context in
            for id in ids {
                if let stored = try context.jobs.job(id) { try context.remove(stored.job) }
            }
            // Pages that are free go back to the system, a few at a time.
            try context.db.execute(sql: "PRAGMA incremental_vacuum(512)")
        }
        await removeFiles(of: ids)
        return ids.count
    }

    private func removeUploads(expiredBy now: Int64) async throws(JobStoreError) {
        guard settings.uploadTTL > .zero else { return }
        let ids: [JobID] = try await database.read { db in
            let sql = "SELECT job FROM payloads WHERE expires <= ? LIMIT ?"
            return try Blob.fetchAll(db.cachedStatement(sql: sql), arguments: [now, Self.mostAtOnce])
                .compactMap { JobID($0) }
        }
        guard !ids.isEmpty else { return }
        try await writer.commit { context in
            for id in ids { try context.bodies.endPayload(id, expires: nil) }
        }
        for id in ids { await remove(id, .input) }
    }

    /// Writes now and then what time it is, so that the store's clock can go on from there.
    private func noteTime(wall: WallTime, now: MonotonicTime) async throws(JobStoreError) {
        let isDue = live.withLock { live in
            guard now - live.timeNotedAt >= .seconds(60) else { return false }
            live.timeNotedAt = now
            return true
        }
        guard isDue else { return }
        try await writer.commit { [database] in try database.writeClock($0.db, wall: wall, now: now) }
    }

    private func removeFiles(of ids: [JobID]) async {
        _ = try? await threads.run { [files] in
            for id in ids {
                files.remove(id, .input)
                files.remove(id, .output)
            }
        }
    }
}

extension WriteContext {
    /// Removes the rows of an ended job.
    func remove(_ job: Job) throws {
        try bodies.remove(job.id)
        try callbacks.remove(job.id)
        try keys.forget(job.id, batch: job.batch)
        try db.cachedStatement(sql: "DELETE FROM jobs WHERE id = ?").execute(arguments: [job.id.blob])
    }
}
