public import Jobs

extension SQLiteJobStore {
    /// What is written of a job that is handed in.
    private struct Handed: Sendable {
        let id: JobID
        let new: NewJob
        let payload: StoredPayload
    }

    /// Commits jobs with their inputs.
    public func submit(_ submission: Submission) async throws(JobStoreError) -> Receipt {
        if let known = try await answer(to: submission) { return known }
        let (batch, handed) = try await prepare(submission)
        do throws(JobStoreError) {
            let receipt = try await insert(submission, handed, batch)
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
            try WriteContext(db: db, clock: database.clock, live: live).answer(to: submission, shownSince: shown)
        }
    }

    /// Makes IDs, and payloads, of which the large ones are on the disk afterwards.
    private func prepare(
        _ submission: Submission
    ) async throws(JobStoreError) -> (batch: BatchID?, handed: [Handed]) {
        let wall = clock.wall
        let (batch, ids) = random.withLock { random in
            live.withLock { live in
                let batch = submission.isBatch ? BatchID(live.generator.next(at: wall, using: &random)) : nil
                return (batch, submission.jobs.map { _ in live.generator.next(at: wall, using: &random) })
            }
        }
        let handed = zip(ids, submission.jobs).map { Handed(id: $0, new: $1, payload: StoredPayload($1.input)) }
        try checkRoom(for: handed)
        guard handed.contains(where: \.payload.body.isLarge) else { return (batch, handed) }
        do throws(JobStoreError) {
            try await threads.run { [files] () throws(JobStoreError) in
                for job in handed where job.payload.body.isLarge {
                    do throws(StoreFault) { try files.write(job.payload.body, job.id, .input) } catch {
                        throw StoreFault.reason(of: error)
                    }
                }
            }
        } catch {
            await discard(handed)
            throw error
        }
        return (batch, handed)
    }

    /// Throws `diskFull` unless there is room for inputs and results.
    private func checkRoom(for handed: [Handed]) throws(JobStoreError) {
        let needed = handed.reduce(0) { sum, job in
            // What is in a row is in the log too for a while.
            let payload = job.payload.body.bytes.count * (job.payload.body.isLarge ? 1 : 2)
            let (total, overflow) = sum.addingReportingOverflow(payload)
            let (all, over) = total.addingReportingOverflow(JobRecord.promise(job.new.outputEstimate))
            return overflow || over ? .max : all
        }
        do throws(StoreFault) {
            try space.check(needed: needed, promised: live.withLock { $0.table.promisedBytes })
        } catch { throw StoreFault.reason(of: error) }
    }

    private func insert(
        _ submission: Submission, _ handed: [Handed], _ batch: BatchID?
    ) async throws(JobStoreError) -> Receipt {
        let (wall, now, shown) = (clock.wall, clock.now, shownSince)
        let receipt = try await writer.commit { context in
            if let known = try context.answer(to: submission, shownSince: shown) { return known }
            for (place, job) in handed.enumerated() {
                let record = JobRecord(
                    job.new, id: job.id, batch: batch, wall: wall, now: now, keepsInput: false)
                context.live.withLock { $0.table.add(record) }
                try context.jobs.insert(record, job.new, place: place)
                try context.bodies.insert(job.payload, job.id)
            }
            if let key = submission.key, let first = handed.first {
                try context.keys.insert(key, first: first.id, jobs: handed.count, batch: batch)
            }
            let jobs = context.live.withLock { live in handed.compactMap { live.table.job($0.id) } }
            return Receipt(jobs: jobs, batch: batch, origin: .new)
        }
        if receipt.origin == .new { for job in handed { inputs.put(job.new.input, of: job.id) } }
        return receipt
    }

    /// Removes the files of jobs that were not taken.
    private func discard(_ handed: [Handed]) async {
        guard handed.contains(where: \.payload.body.isLarge) else { return }
        _ = try? await threads.run { [files] in
            for job in handed where job.payload.body.isLarge { files.remove(job.id, .input) }
        }
    }
}

extension WriteContext {
    /// The jobs that answer for a submission already.
    func answer(to submission: Submission, shownSince: Int64) throws -> Receipt? {
        if let key = submission.key, let known = try keys.answer(to: key) {
            if let batch = known.batch { return Receipt(jobs: try shown(batch), batch: batch, origin: .replayed) }
            guard let job = try shown(known.job) else { return nil }
            return Receipt(jobs: [job], origin: .replayed)
        }
        guard !submission.isBatch, submission.jobs.count == 1, let key = submission.jobs[0].reuseKey else { return nil }
        return try jobs.jobs(
            "WHERE reuse_key = ? AND status = 2 AND ended > ? ORDER BY id DESC LIMIT 1", [key, shownSince]
        ).first.map { Receipt(jobs: [$0.job], origin: .reused) }
    }

    /// The job as it is: live, or as it ended.
    func shown(_ id: JobID) throws -> Job? {
        if let job = live.withLock({ $0.table.job(id) }) { return job }
        return try jobs.job(id)?.job
    }

    /// The jobs of a batch.
    func shown(_ batch: BatchID) throws -> [Job] {
        try jobs.jobs("WHERE batch = ? ORDER BY place", [batch.jobID.blob]).map { stored in
            live.withLock { $0.table.job(stored.job.id) } ?? stored.job
        }
    }
}
