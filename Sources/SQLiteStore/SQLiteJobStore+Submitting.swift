public import Jobs

extension SQLiteJobStore {
    /// What is written of a job that is handed in.
    private struct Handed: Sendable {
        let id: JobID
        let new: NewJob
        let payload: StoredPayload
        /// The job of the same submission whose input this one's is too.
        var twin: JobID?
    }

    /// Commits jobs with their inputs.
    public func submit(_ submission: Submission) async throws(JobStoreError) -> Receipt {
        // A key that comes to stand for a job has to be written.
        let answer = try await answer(to: submission)
        if let answer, answer.origin == .replayed || submission.key == nil { return answer }
        if answer == nil, let account = submission.account, let used = try await usage(of: account.name) {
            // Before anything is written: what others hand in meanwhile is seen when it is committed.
            do throws(QuotaExcess) { _ = try account.charged(used, for: submission, at: clock.wall) } catch {
                throw .overQuota(error)
            }
        }
        try database.damage.check()
        // The one time of the jobs and their IDs, however long the rest takes.
        let wall = clock.wall
        let (batch, handed) = try await prepare(submission, at: wall)
        let needed = Self.room(for: handed)
        try await enter(needed: needed)
        defer { space.leave(needed) }
        do throws(JobStoreError) {
            try await writeFiles(of: handed)
            let receipt = try await insert(submission, handed, batch, at: wall)
            if receipt.origin != .new { await discard(handed) }
            return receipt
        } catch {
            await discard(handed)
            throw error
        }
    }

    /// The answer that is there already, so that nothing need be prepared. What comes to be meanwhile is found later.
    private func answer(to submission: Submission) async throws(JobStoreError) -> Receipt? {
        guard submission.key != nil || submission.jobs.contains(where: { $0.reuseKey != nil }) else { return nil }
        let shown = shownSince
        return try await database.read { [database, live] db in
            try WriteContext(db: db, clock: database.clock, live: live, damage: database.damage).answer(
                to: submission, shownSince: shown)
        }
    }

    /// Makes IDs, payloads and what of the jobs is not computed yet.
    private func prepare(
        _ submission: Submission, at wall: WallTime
    ) async throws(JobStoreError) -> (batch: BatchID?, handed: [Handed]) {
        let (batch, ids) = random.withLock { random in
            live.withLock { live in
                let batch = submission.isBatch ? BatchID(live.generator.next(at: wall, using: &random)) : nil
                return (batch, submission.jobs.map { _ in live.generator.next(at: wall, using: &random) })
            }
        }
        @Sendable func encode() -> [Handed] {
            var handed: [Handed] = []
            for (id, job) in zip(ids, submission.jobs) {
                // Jobs of one matrix for several models come one after another.
                if let last = handed.last, last.new.subject === job.subject {
                    handed.append(Handed(id: id, new: job, payload: last.payload, twin: last.twin ?? last.id))
                    continue
                }
                // The writer has others to serve while it is computed.
                let subject = job.subject.bytes
                handed.append(Handed(id: id, new: job, payload: StoredPayload(job.input, subject: subject)))
            }
            return handed
        }
        let bytes = submission.jobs.reduce(0) { $0 + $1.input.count }
        guard bytes > StoredBody.largestRow else { return (batch, encode()) }
        return (batch, try await threads.run { () throws(JobStoreError) in encode() })
    }

    /// The bytes that inputs and results take at most.
    private static func room(for handed: [Handed]) -> Int {
        handed.reduce(0) { sum, job in
            // What is in a row is in the log too for a while.
            // Of a large one that jobs have in common there is one file.
            let payload = job.payload.body.bytes.count * (job.payload.body.isLarge ? (job.twin == nil ? 1 : 0) : 2)
            let (total, overflow) = sum.addingReportingOverflow(payload)
            let (all, over) = total.addingReportingOverflow(JobRecord.promise(job.new.outputEstimate))
            return overflow || over ? .max : all
        }
    }

    /// Writes large payloads, which are on the disk afterwards.
    private func writeFiles(of handed: [Handed]) async throws(JobStoreError) {
        guard handed.contains(where: \.payload.body.isLarge) else { return }
        try await threads.run { [files] () throws(JobStoreError) in
            for job in handed where job.payload.body.isLarge {
                let name = BodyFiles.inputName(job.id)
                if let twin = job.twin, files.share(BodyFiles.inputName(twin), as: name) { continue }
                try files.write(job.payload.body, to: name)
            }
        }
    }

    private func insert(
        _ submission: Submission, _ handed: [Handed], _ batch: BatchID?, at wall: WallTime
    ) async throws(JobStoreError) -> Receipt {
        let (now, shown) = (clock.now, shownSince)
        // Before the commit, since with it the job can be claimed and end.
        for job in handed { inputs.put(job.new.input, of: job.id, counting: job.new.billedBytes) }
        let outcome: Result<Receipt, JobStoreError> = try await writer.commit(
            .submission(submission)
        ) { context in
            if let known = try context.answer(to: submission, shownSince: shown) {
                if known.origin == .reused, let key = submission.key, let job = known.jobs.first {
                    try context.keys.remove(key)
                    try context.keys.insert(key, first: job.id, jobs: 1, batch: nil)
                }
                return .success(known)
            }
            if let excess = try context.usage.charge(submission, at: wall) { return .failure(.overQuota(excess)) }
            // What it stood for, if anything, has expired.
            if let key = submission.key { try context.keys.remove(key) }
            for (place, job) in handed.enumerated() {
                let new = JobRecord(job.new, id: job.id, batch: batch, wall: wall, now: now, keepsInput: false)
                let record = context.live.withLock { $0.table.add(new) }
                context.coming.add(record.job.id, job.new, place: place)
                try context.bodies.insert(job.payload, job.id)
            }
            if let key = submission.key, let first = handed.first {
                try context.keys.insert(key, first: first.id, jobs: handed.count, batch: batch)
            }
            let jobs = context.live.withLock { live in handed.compactMap { live.table.job($0.id) } }
            return .success(Receipt(jobs: jobs, batch: batch, origin: .new))
        }
        return try outcome.get()
    }

    /// Removes what there is of jobs that were not taken.
    private func discard(_ handed: [Handed]) async {
        for job in handed { _ = inputs.take(job.id) }
        guard handed.contains(where: \.payload.body.isLarge) else { return }
        await threads.run { [files] in
            for job in handed where job.payload.body.isLarge { files.remove(BodyFiles.inputName(job.id)) }
        }
    }
}

extension SQLiteJobStore {
    /// What an account has handed in.
    public func usage(of account: String) async throws(JobStoreError) -> DailyUsage? {
        try await database.read { try UsageRows(db: $0).usage(of: account) }
    }

    /// Counts units that a job turned out to have.
    public func settle(
        _ units: Int, of account: Account, since day: Int64
    ) async throws(JobStoreError) -> QuotaExcess? {
        let clock = clock
        return try await writer.commit { context in
            let known = try context.usage.usage(of: account.name)
            let (usage, excess) = account.settled(known, units: units, since: day, at: clock.wall)
            try context.usage.write(usage, of: account.name)
            return excess
        }
    }
}

extension WriteContext {
    /// The jobs that answer for a submission already.
    func answer(to submission: Submission, shownSince: Int64) throws -> Receipt? {
        if let key = submission.key, let known = try keys.answer(to: key) {
            let jobs =
                try known.batch.map { try shown($0, since: shownSince) }
                ?? [try shown(known.job, since: shownSince)].compactMap(\.self)
            // A key lives as long as the last job that it stands for.
            if !jobs.isEmpty {
                guard known.isSame else { throw StoreFault.refused(.keyReused(key.text)) }
                return Receipt(jobs: jobs, batch: known.batch, origin: .replayed)
            }
        }
        guard let key = submission.reuseKey else { return nil }
        return try jobs.jobs(
            JobRows.reusable, [Text(key), shownSince]
        ).first.map { Receipt(jobs: [$0.job], origin: .reused) }
    }

    /// The job as it is: live, or as it ended; nil where it is not to be seen any more.
    func shown(_ id: JobID, since: Int64) throws -> Job? {
        if let job = live.withLock({ $0.table.liveJob(id) }) { return job }
        return try jobs.job(id).flatMap { isShown($0, since: since) ? $0.job : nil }
    }

    /// The jobs of a batch that are to be seen.
    func shown(_ batch: BatchID, since: Int64) throws -> [Job] {
        try jobs.jobs(JobRows.ofBatch, [batch.jobID.blob])
            .filter { isShown($0, since: since) }
            .map { stored in live.withLock { $0.table.liveJob(stored.job.id) } ?? stored.job }
    }
}
