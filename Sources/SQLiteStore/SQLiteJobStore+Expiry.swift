import GRDB
public import Jobs
import Platform

extension SQLiteJobStore {
    /// How many jobs are removed in one transaction, so that nobody waits long for it.
    private static let mostAtOnce = 200
    /// How many times pages are given back before something else has its turn.
    private static let mostVacuums = 32
    /// For how long what is written stays in the log at most.
    private static let longestInLog = Duration.seconds(10)

    /// Removes an ended job with all that belongs to it, and one whose row can't be read by its ID alone: whoever asks for that
    /// is told that it is damaged, until it is removed.
    public func forget(_ id: JobID) async throws(JobStoreError) -> Bool {
        let shown = shownSince
        let files: [String]? = try await writer.commit { context in
            do {
                guard let stored = try context.jobs.job(id), stored.job.status.isEnded,
                    context.isShown(stored, since: shown)
                else { return nil }
            } catch StoreFault.refused(.damaged) where context.live.withLock({ $0.table.records[id] == nil }) {}
            return try context.remove(id)
        }
        await remove(files ?? [])
        return files != nil
    }

    /// Removes those of a batch's jobs by their IDs alone whose rows can't be read.
    public func forgetUnreadable(of batch: BatchID) async throws(JobStoreError) -> Int {
        let (count, files): (Int, [String]) = try await writer.commit { context in
            let ids = try Blob.fetchAll(
                context.db.cachedStatement(sql: "SELECT id FROM jobs WHERE batch = ?"),
                arguments: [batch.jobID.blob]
            ).compactMap { JobID($0) }.filter { id in
                guard context.live.withLock({ $0.table.records[id] == nil }) else { return false }
                do { _ = try context.jobs.job(id) } catch StoreFault.refused(.damaged) { return true }
                return false
            }
            return (ids.count, try ids.flatMap { try context.remove($0) })
        }
        await remove(files)
        return count
    }

    /// Gives back what is nobody's, ends what is too late, and removes what has expired, a part at a time.
    public func expire() async throws(JobStoreError) -> Expired {
        let (wall, now, ttl) = (clock.wall, clock.now, settings.uploadTTL)
        await tellOfFolder()
        var expired = Expired()
        var problem: JobStoreError?
        // What can't be done keeps nothing else from being done.
        do throws(JobStoreError) {
            if live.withLock({ $0.table.mayHaveLapsed(now: now) }) {
                let lapsed = try await writer.commit { try $0.takeLapsed(wall: wall, now: now, uploadTTL: ttl) }
                for job in lapsed { if let job = await cleanUp(job) { expired.lapsed.append(job) } }
            }
        } catch { problem = error }
        do throws(JobStoreError) {
            if live.withLock({ $0.table.isOverdue(now: now) }) {
                try await writer.commit { try $0.endOverdue(wall: wall, now: now, uploadTTL: ttl) }
            }
        } catch { problem = problem ?? error }
        do throws(JobStoreError) {
            var before: [JobID] = []
            // What can't be removed comes back, and does not keep the rest from being done.
            while case let removed = try await removeExpired(), !removed.isEmpty, removed != before {
                expired.removed += removed.count
                before = removed
            }
        } catch { problem = problem ?? error }
        do throws(JobStoreError) {
            while try await removeUploads(expiredBy: database.believed(wall: wall, now: now)) {}
        } catch { problem = problem ?? error }
        do throws(JobStoreError) {
            for _ in 0..<Self.mostVacuums { if try await !giveBackPages() { break } }
        } catch { problem = problem ?? error }
        await tidy(strays: false)
        await bringInLog()
        do throws(JobStoreError) {
            try await noteTime(wall: wall, now: now)
        } catch {
            problem = problem ?? error
        }
        expired.overdue = await takeOverdue()
        guard let problem else { return expired }
        // Those are told once, so they are told now, and what went wrong will go wrong again.
        if expired.overdue.isEmpty, expired.lapsed.isEmpty { throw problem }
        logger.warning("what has expired can't be removed", metadata: ["error": "\(problem)"])
        return expired
    }

    /// The jobs that ended unasked since the last time.
    private func takeOverdue() async -> [Job] {
        let late = live.withLock { live in
            defer { live.overdue = [] }
            return live.overdue
        }
        for job in late { _ = inputs.take(job.job.id) }
        await remove(late.flatMap(\.files))
        return late.map(\.job)
    }

    private func removeExpired() async throws(JobStoreError) -> [JobID] {
        let shown = shownSince
        let believed = database.believed(wall: clock.wall, now: clock.now)
        let awaited = min(shown, believed &- CallbackNote.longest.nanosecondsClamped)
        let ids: [JobID] = try await database.read { db in
            try Blob.fetchAll(db.cachedStatement(sql: JobRows.expired), arguments: [shown, awaited, Self.mostAtOnce])
                .compactMap { JobID($0) }
        }
        guard !ids.isEmpty else { return [] }
        // By their IDs alone: a row that can't be read goes like the others.
        let files = try await writer.commit { context in
            try ids.flatMap { try context.remove($0) }
        }
        await remove(files)
        return ids
    }

    /// Removes some inputs that were kept for a while after their jobs; says whether there were any.
    private func removeUploads(expiredBy now: Int64) async throws(JobStoreError) -> Bool {
        let ids: [JobID] = try await database.read { db in
            let sql = "SELECT job FROM payloads WHERE expires <= ? LIMIT ?"
            return try Blob.fetchAll(db.cachedStatement(sql: sql), arguments: [now, Self.mostAtOnce])
                .compactMap { JobID($0) }
        }
        guard !ids.isEmpty else { return false }
        try await writer.commit { context in
            for id in ids { try context.bodies.endPayload(id, expires: nil) }
        }
        await remove(ids.map(BodyFiles.inputName))
        return true
    }

    /// Gives some free pages back to the file system; says whether there were more than the queue will soon use again.
    private func giveBackPages() async throws(JobStoreError) -> Bool {
        let isWorthIt = try await database.read { [database] db in
            let (free, all) = try database.freePages(db)
            return free > max(all / 8, 512)
        }
        guard isWorthIt else { return false }
        try await writer.commit { try $0.db.execute(sql: "PRAGMA incremental_vacuum(512)") }
        return true
    }

    /// Brings the log into the database where nothing was written since the last time: what is in it can be damaged by the
    /// change of a single byte.
    private func bringInLog() async {
        let transactions = writer.transactions
        let now = clock.now
        let isDue = lookedAfter.withLock { last in
            let isDue = last.transactions == transactions || now - last.broughtIn >= Self.longestInLog
            last.transactions = transactions
            if isDue { last.broughtIn = now }
            return isDue
        }
        if isDue, database.hasLog { await writer.bringInLog() }
        if isDue { tellOfLog(now: now) }
    }

    /// Writes now and then what time it is, so that the store's clock can go on from there; at once where the time of day
    /// was set.
    private func noteTime(wall: WallTime, now: MonotonicTime) async throws(JobStoreError) {
        let isDue = noted.withLock { noted in
            let passed = now - noted.now
            let shown = Duration.milliseconds(wall.milliseconds) - .milliseconds(noted.wall.milliseconds)
            guard passed >= .seconds(60) || shown - passed > .seconds(2) || passed - shown > .seconds(2) else {
                return false
            }
            noted = (wall, now)
            return true
        }
        guard isDue else { return }
        await tidy(strays: true)
        try await writer.commit { [database] in try database.writeClock($0.db, wall: wall, now: now) }
    }
}
