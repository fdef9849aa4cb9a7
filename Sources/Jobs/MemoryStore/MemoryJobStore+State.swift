import Platform

extension MemoryJobStore.State {
    /// Queues what is handed in, or finds what answers for it.
    mutating func submit(
        _ submission: Submission, wall: WallTime, now: MonotonicTime
    ) throws(JobStoreError) -> Receipt {
        if let key = submission.key, let answer = try registry.answer(to: key) {
            return Receipt(jobs: answer.jobs.compactMap { table.job($0) }, batch: answer.batch, origin: .replayed)
        }
        if let job = submission.reuseKey.flatMap({ registry.succeeded($0) }).flatMap({ table.job($0) }) {
            if let key = submission.key { registry.insert(key, for: job.id) }
            return Receipt(jobs: [job], origin: .reused)
        }
        let needed = submission.jobs.reduce(0) { sum, new in
            let (sum, overflow) = sum.addingReportingOverflow(JobRecord.promise(new.outputEstimate))
            return overflow ? .max : sum
        }
        try table.checkRoom(forBytes: needed)
        let batch = submission.isBatch ? BatchID(generator.next(at: wall, using: &self.random)) : nil
        let ids = submission.jobs.map { new in
            let id = generator.next(at: wall, using: &self.random)
            table.add(JobRecord(new, id: id, batch: batch, wall: wall, now: now))
            return id
        }
        registry.insert(submission, as: ids, batch: batch)
        return Receipt(jobs: ids.compactMap { table.job($0) }, batch: batch, origin: .new)
    }

    /// Notes that a job has ended, and makes room for its end.
    mutating func ended(_ record: JobRecord, now: MonotonicTime) -> Job {
        registry.end(record, now: now)
        let job = table.shown(record)
        giveUpOverBudget()
        return job
    }

    mutating func forget(_ id: JobID) -> Bool {
        guard table.forget(id) else { return false }
        registry.forget(id)
        return true
    }

    mutating func giveUpOverBudget() {
        while let next = table.nextOverBudget, forget(next) {}
    }

    /// Removes what has expired, and ends what is too late.
    mutating func removeExpired(wall: WallTime, now: MonotonicTime) -> Int {
        let late = table.endOverdue(wall: wall, now: now)
        if !late.isEmpty { overdue += late.map { ended($0, now: now) } }
        var removed = 0
        for id in table.expired(now: now) {
            let isAwaited = registry.callbacks.contains(id)
            if isAwaited, let endedAt = table.records[id]?.endedAt, now - endedAt < CallbackNote.longest { continue }
            if forget(id) { removed += 1 }
        }
        return removed
    }
}
