extension JobTable {
    mutating func complete(
        _ token: ClaimToken, with outcome: JobOutcome, timings: JobTimings?, wall: WallTime, now: MonotonicTime
    ) -> Job? {
        guard let record = held(by: token) else { return nil }
        let outcome = record.isCancelRequested ? .cancelled : outcome
        return end(record, with: outcome, timings: timings, wall: wall, now: now)
    }

    mutating func cancel(_ id: JobID, wall: WallTime, now: MonotonicTime) -> CancelOutcome {
        guard var record = records[id] else { return .unknown }
        switch record.job.status {
        case .queued:
            unqueue(record)
            return .cancelled(end(record, with: .cancelled, timings: nil, wall: wall, now: now))
        case .running:
            record.isCancelRequested = true
            store(record)
            return .requested(shown(record))
        case .succeeded, .failed, .cancelled:
            return .alreadyEnded(shown(record))
        }
    }

    /// Ends a job that is running, or was taken out of the queue.
    mutating func end(
        _ live: JobRecord, with outcome: JobOutcome, timings: JobTimings?, wall: WallTime, now: MonotonicTime
    ) -> Job {
        var record = moved(live, to: outcome.status)
        record.job.finishedAt = wall
        record.job.timings = timings
        record.holder = nil
        record.endedAt = now
        switch outcome {
        case .succeeded(let output):
            record.output = output
            record.job.outputBytes = output.body.count
            record.job.partsDone = record.job.parts
        case .failed(let failure): record.job.failure = failure
        case .cancelled: break
        }
        promisedBytes -= record.promisedBytes
        record.new = nil
        store(record)
        endings.insert(Ending(at: now, id: record.job.id))
        endedBytes += record.endedBytes
        if record.output != nil { pinnedBytes += record.endedBytes }
        giveUpOverBudget()
        return shown(record)
    }

    /// Notes that somebody has the output, which may be given up from now on.
    mutating func fetchOutput(_ id: JobID) -> JobOutput? {
        guard var record = records[id], let output = record.output else { return nil }
        if !record.isFetched {
            record.isFetched = true
            pinnedBytes -= record.endedBytes
            fetched.insert(id)
            store(record)
            giveUpOverBudget()
        }
        return output
    }

    /// Removes a job if it has ended.
    mutating func forget(_ id: JobID) -> Bool {
        guard let record = records[id], let endedAt = record.endedAt else { return false }
        records[id] = nil
        ids.remove(id)
        idsByStatus[record.job.status]?.remove(id)
        endings.remove(Ending(at: endedAt, id: id))
        endedBytes -= record.endedBytes
        if record.isFetched {
            fetched.remove(id)
        } else if record.output != nil {
            pinnedBytes -= record.endedBytes
        }
        return true
    }

    /// Removes what ended longer ago than results are kept, and says how many.
    mutating func expire(now: MonotonicTime) -> Int {
        var expired = 0
        while let first = endings.first, now - first.at >= settings.resultTTL, forget(first.id) { expired += 1 }
        return expired
    }

    /// Gives up ended jobs until the rest is within the budget: first those whose output somebody has, then those that
    /// have none, the oldest first; never an output that nobody has fetched.
    private mutating func giveUpOverBudget() {
        while endedBytes > settings.resultBudgetBytes {
            let next = fetched.first ?? idsByStatus[.cancelled]?.first ?? idsByStatus[.failed]?.first
            guard let next, forget(next) else { return }
        }
    }
}
