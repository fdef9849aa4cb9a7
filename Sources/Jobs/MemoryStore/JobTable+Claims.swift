extension JobTable {
    /// Takes the next job out of the queue for the holder of a new token.
    mutating func claim(secret: UInt64, wall: WallTime, now: MonotonicTime) -> ClaimedJob? {
        guard let id = ready.popFirst(), let waiting = records[id], let new = waiting.new else { return nil }
        queuedBytes -= new.input.bytes
        let token = ClaimToken(job: id, secret: secret)
        var record = moved(waiting, to: .running)
        record.job.attempt += 1
        record.job.startedAt = wall
        record.job.partsDone = 0
        record.holder = token
        store(record)
        return ClaimedJob(new, token: token, attempt: record.job.attempt, waited: now - record.insertedAt)
    }

    mutating func reportProgress(_ token: ClaimToken, partsDone: Int) -> ClaimStanding {
        guard var record = held(by: token) else { return .lost }
        let done = min(partsDone, record.job.parts)
        if done > record.job.partsDone {
            record.job.partsDone = done
            record.job.revision += 1
            store(record)
        }
        return record.isCancelRequested ? .cancelRequested : .held
    }

    mutating func release(
        _ token: ClaimToken, as release: Release, wall: WallTime, now: MonotonicTime
    ) -> Job? {
        guard var record = held(by: token) else { return nil }
        if record.isCancelRequested {
            return end(record, with: .cancelled, timings: nil, wall: wall, now: now)
        }
        if release == .lost, record.job.attempt >= settings.attempts {
            let failure = JobFailure.outOfAttempts(record.job.attempt)
            return end(record, with: .failed(failure), timings: nil, wall: wall, now: now)
        }
        record = moved(record, to: .queued)
        if release == .unspent { record.job.attempt -= 1 }
        record.job.startedAt = nil
        record.job.partsDone = 0
        record.holder = nil
        store(record)
        queue(record)
        return shown(record)
    }

    /// The running job that the token is good for.
    func held(by token: ClaimToken) -> JobRecord? {
        guard let record = records[token.job], record.job.status == .running, record.holder == token else { return nil }
        return record
    }
}
