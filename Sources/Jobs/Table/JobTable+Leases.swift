import Platform

/// A claim lasts for a lease, and its holder renews it. One that runs out gives the job back to the queue; as long as nobody
/// else has had the job since, its holder can still take it back, or end it.
extension JobTable {
    /// Whether a claim may have run out.
    package func mayHaveLapsed(now: MonotonicTime) -> Bool { firstLapse <= now }

    /// Gives back the jobs whose claims have run out: to the queue, or as failed after the last attempt.
    package mutating func takeLapsed(wall: WallTime, now: MonotonicTime) -> [JobRecord] {
        guard mayHaveLapsed(now: now) else { return [] }
        firstLapse = .distantFuture
        var lapsed: [JobRecord] = []
        for id in Array(idsByStatus[.running]?.elements ?? []) {
            guard var record = records[id], let token = record.holder else { continue }
            if record.leaseEnd == nil {
                lease(&record, now: now)
                store(record)
            }
            if let end = record.leaseEnd, end > now {
                firstLapse = min(firstLapse, end)
                continue
            }
            guard var given = release(token, as: .lost, wall: wall, now: now) else { continue }
            if given.job.status == .queued {
                given.lapsed = token
                store(given)
            }
            lapsed.append(given)
        }
        return lapsed
    }

    /// Lets a claim last from now on as long as a new one.
    ///
    /// - Returns: the job where its claim had run out and is good again, marked as such
    package mutating func renew(
        _ token: ClaimToken, wall: WallTime, now: MonotonicTime
    ) -> (standing: ClaimStanding, regained: JobRecord?) {
        if var record = held(by: token) {
            lease(&record, now: now)
            store(record)
            return (record.isCancelRequested ? .cancelRequested : .held, nil)
        }
        guard let record = regain(token, wall: wall, now: now) else { return (.lost, nil) }
        return (.held, record)
    }

    /// Whether the token's claim has run out and nobody else has had the job since.
    package func isLapsed(_ token: ClaimToken) -> Bool {
        guard let record = records[token.job] else { return false }
        return record.job.status == .queued && record.lapsed == token
    }

    /// Takes a job out of the queue for the holder whose claim had run out.
    ///
    /// - Returns: the job, marked so that it is counted out of the queue; what is kept is not
    mutating func regain(_ token: ClaimToken, wall: WallTime, now: MonotonicTime) -> JobRecord? {
        guard isLapsed(token), let queued = records[token.job] else { return nil }
        unqueue(queued)
        var record = moved(queued, to: .running)
        record.job.startedAt = wall
        record.holder = token
        record.lapsed = nil
        lease(&record, now: now)
        store(record)
        record.job.isRegained = true
        record.job.isModelMissing = isMissingModel(queued.job)
        return record
    }

    /// Lets the record's claim last from now on.
    mutating func lease(_ record: inout JobRecord, now: MonotonicTime) {
        let end = now + settings.lease
        record.leaseEnd = end
        firstLapse = min(firstLapse, end)
    }
}
