import Platform

extension JobTable {
    /// Ends a job for its holder; nil if the token is stale.
    package mutating func complete(
        _ token: ClaimToken, with outcome: JobOutcome, timings: JobTimings?, wall: WallTime, now: MonotonicTime
    ) -> JobRecord? {
        guard let record = held(by: token) ?? regain(token, wall: wall, now: now) else { return nil }
        let outcome = record.isCancelRequested ? .cancelled : outcome
        return end(record, with: outcome, timings: timings, wall: wall, now: now)
    }

    package mutating func cancel(_ id: JobID, wall: WallTime, now: MonotonicTime) -> CancelOutcome {
        guard var record = records[id] else { return .unknown }
        switch record.job.status {
        case .queued:
            unqueue(&record)
            return .cancelled(shown(end(record, with: .cancelled, timings: nil, wall: wall, now: now)))
        case .running:
            record.isCancelRequested = true
            store(record)
            return .requested(shown(record))
        case .succeeded, .failed, .cancelled:
            return .alreadyEnded(shown(record))
        }
    }

    /// Whether there is a queued job that nobody will begin: it is too late, or its model is not to be waited for.
    package func isOverdue(now: MonotonicTime) -> Bool {
        hasUnwanted || deadlines.first.map { $0.at <= now } ?? false
    }

    /// Ends the queued jobs that nobody will begin.
    package mutating func endOverdue(wall: WallTime, now: MonotonicTime) -> [JobRecord] {
        var ended = endUnwanted(wall: wall, now: now)
        while let first = deadlines.first, first.at <= now, var record = records[first.id] {
            unqueue(&record)
            ended.append(end(record, with: .failed(.deadlinePassed), timings: nil, wall: wall, now: now))
        }
        return ended
    }

    /// Ends a job that is running, or was taken out of the queue.
    mutating func end(
        _ live: JobRecord, with outcome: JobOutcome, timings: JobTimings?, wall: WallTime, now: MonotonicTime
    ) -> JobRecord {
        promisedBytes -= live.promisedBytes
        var record = moved(live, to: outcome.status)
        record.job.isModelMissing = isMissingModel(live.job) || live.job.isModelMissing
        record.job.finishedAt = wall
        record.job.timings = timings
        record.holder = nil
        record.leaseEnd = nil
        record.lapsed = nil
        record.endedAt = now
        switch outcome {
        case .succeeded(let output):
            record.output = JobOutput(body: output.body)
            if let subject = output.subject { record.job.subject = subject }
            record.job.outputBytes = output.body.count
            record.job.partsDone = record.job.parts
        case .failed(let failure): record.job.failure = failure
        case .cancelled: break
        }
        record.input = nil
        store(record)
        endings.insert(Moment(at: now, id: record.job.id))
        endedBytes += record.endedBytes
        if record.output != nil { pinnedBytes += record.endedBytes }
        return record
    }

    /// Notes that somebody has the output, which may be given up from now on.
    mutating func fetchOutput(_ id: JobID) -> JobOutput? {
        guard var record = records[id], let output = record.output else { return nil }
        if !record.isFetched {
            record.isFetched = true
            pinnedBytes -= record.endedBytes
            fetched.insert(id)
            store(record)
        }
        return output
    }

    /// Removes a job if it has ended.
    @discardableResult
    package mutating func forget(_ id: JobID) -> Bool {
        guard let record = records[id], let endedAt = record.endedAt else { return false }
        drop(record)
        endings.remove(Moment(at: endedAt, id: id))
        endedBytes -= record.endedBytes
        if record.isFetched {
            fetched.remove(id)
        } else if record.output != nil {
            pinnedBytes -= record.endedBytes
        }
        return true
    }

    /// The jobs that ended longer ago than results are kept.
    func expired(now: MonotonicTime) -> [JobID] {
        endings.elements.prefix { now - $0.at >= settings.resultTTL }.map(\.id)
    }

    /// The next job to give up while ended jobs take more than their budget: first those whose output somebody has, then
    /// those that have none, the oldest first; never an output that nobody has fetched.
    ///
    /// - Parameter isAwaited: whether somebody is still to be told of a job: such jobs are given up last. As far as is looked,
    ///   so that a step takes no longer the more they are
    func nextOverBudget(_ isAwaited: (JobID) -> Bool) -> JobID? {
        guard endedBytes > settings.resultBudgetBytes else { return nil }
        let candidates = [fetched.elements, idsByStatus[.cancelled]?.elements, idsByStatus[.failed]?.elements]
        for ids in candidates.compactMap(\.self) {
            if let id = ids.prefix(Self.mostPassedOver).first(where: { !isAwaited($0) }) { return id }
        }
        return candidates.compactMap { $0?.first }.first
    }

    /// Jobs that somebody is to be told of and that are passed over in a step.
    private static let mostPassedOver = 256
}
