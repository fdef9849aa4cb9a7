import Platform

extension JobTable {
    /// Whether a claim within a limit could have anything now.
    package func canBeClaimed(within limit: ClaimLimit = ClaimLimit(jobs: 1)) -> Bool {
        firstToClaim(within: limit) != nil
    }

    /// The job that a claim within a limit would have; nil where it would have none. Those that have room of their own go first.
    package func firstToClaim(within limit: ClaimLimit = ClaimLimit(jobs: 1)) -> JobID? { next(within: limit)?.id }

    private func next(within limit: ClaimLimit) -> (id: JobID, line: JobLanes.Line)? {
        guard tried.isEmpty else { return nil }
        func first(_ lane: ClaimLimit.Lane, isSuspect: Bool = false) -> (id: JobID, line: JobLanes.Line)? {
            let line = JobLanes.Line(lane, isSuspect: isSuspect)
            guard let id = ready.first(line), let parts = records[id]?.job.parts, limit.admits(parts: parts, in: lane)
            else { return nil }
            return (id, line)
        }
        if ready.suspects > 0 {
            if let suspect = first(.short, isSuspect: true) { return suspect }
            // Beside one that has gone on and may yet end the process no other is tried, or they would end as one.
            if goneOn.isEmpty, let suspect = first(.serial, isSuspect: true) ?? first(.long, isSuspect: true) {
                return suspect
            }
        }
        if let apart = first(.long) ?? first(.serial) { return apart }
        // A suspect that there is no room for is next.
        guard ready.first(JobLanes.Line(.short, isSuspect: true)) == nil else { return nil }
        return first(.short)
    }

    /// The work that a client has had in a lane.
    package struct LineTag: Sendable {
        let lane: ClaimLimit.Lane
        let client: String
        let tag: Int

        /// So much of a client's.
        package init(_ lane: ClaimLimit.Lane, client: String, tag: Int) {
            self.lane = lane
            self.client = client
            self.tag = tag
        }
    }

    /// Goes on with the work that clients have had elsewhere, for a table that tells of jobs which are claimed there.
    package mutating func restore(_ tags: [LineTag], served: [ClaimLimit.Lane: Int]) {
        ready.restore(tags, served: served)
    }

    /// Takes the next job out of the queue for the holder of a new token.
    ///
    /// A job that was running when the process ended may be what ended it, so it is tried alone: its holder works on no other
    /// until it has ended or, where it is long, has gone on. So what it takes with it a second time is nobody else's attempt,
    /// and those that are in hand meanwhile, which need not come to their ends first, have not lost one.
    package mutating func claim(
        secret: UInt64, wall: WallTime, now: MonotonicTime, within limit: inout ClaimLimit
    ) -> JobRecord? {
        guard let line = next(within: limit)?.line, let id = ready.popFirst(line), var waiting = records[id] else {
            return nil
        }
        limit.count(parts: waiting.job.parts, in: line.lane)
        noteUnqueued(&waiting)
        var record = moved(waiting, to: .running)
        record.job.attempt += 1
        record.job.startedAt = wall
        record.job.partsDone = 0
        record.holder = ClaimToken(job: id, secret: secret)
        record.lapsed = nil
        lease(&record, now: now)
        store(record)
        return record
    }

    package mutating func reportProgress(_ token: ClaimToken, partsDone: Int) -> ClaimStanding {
        // The next renewal takes it back.
        if isLapsed(token) { return .held }
        guard var record = held(by: token) else { return .lost }
        let done = min(partsDone, record.job.parts)
        if done > record.job.partsDone {
            record.job.partsDone = done
            record.job.revision += 1
            // It would hold all others up for as long as it takes.
            if record.isSuspect, record.lane != .short { record.hasGoneOn = true }
            store(record)
        }
        return record.isCancelRequested ? .cancelRequested : .held
    }

    /// Gives a claim back; nil if the token is stale.
    package mutating func release(
        _ token: ClaimToken, as release: Release, wall: WallTime, now: MonotonicTime
    ) -> JobRecord? {
        guard var record = held(by: token) else { return nil }
        if record.isCancelRequested {
            return end(record, with: .cancelled, timings: nil, wall: wall, now: now)
        }
        if release != .unspent, record.job.attempt >= settings.attempts {
            var failure = JobFailure.outOfAttempts(record.job.attempt)
            if case .interrupted(let reason) = release {
                failure = .outOfAttempts(record.job.attempt, because: reason)
            }
            return end(record, with: .failed(failure), timings: nil, wall: wall, now: now)
        }
        record = moved(record, to: .queued)
        if release == .unspent { record.job.attempt -= 1 }
        record.hasGoneOn = false
        record.job.startedAt = nil
        record.job.partsDone = 0
        record.holder = nil
        record.leaseEnd = nil
        store(record)
        queue(record)
        return record
    }

    /// Takes back what an earlier process held. One that a worker was at, as far as is known, is queued again as a suspect or
    /// has had its last attempt; of another nobody had begun, and it has lost nothing.
    package mutating func takeBack(
        _ id: JobID, wasAtWork: Bool, wall: WallTime, now: MonotonicTime
    ) -> JobRecord? {
        guard var record = records[id], let token = record.holder else { return nil }
        if wasAtWork {
            record.isSuspect = true
            store(record)
        }
        return release(token, as: wasAtWork ? .lost : .unspent, wall: wall, now: now)
    }

    /// Whether the token is good for the job's end.
    package func canEnd(_ token: ClaimToken) -> Bool { held(by: token) != nil || isLapsed(token) }

    /// The running job that the token is good for.
    func held(by token: ClaimToken) -> JobRecord? {
        guard let record = records[token.job], record.job.status == .running, record.holder == token else { return nil }
        return record
    }
}

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
        guard isLapsed(token), var queued = records[token.job] else { return nil }
        unqueue(&queued)
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
