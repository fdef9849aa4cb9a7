import Platform

extension JobTable {
    /// The job with its place in the queue.
    package func shown(_ record: JobRecord) -> Job {
        var job = record.job
        switch job.status {
        case .queued where isMissingModel(job):
            job.isModelMissing = true
        case .queued:
            let place = ready.place(of: entry(record), client: job.client)
            job.queuePosition = place.position
            job.partsAhead = runningPartsLeft + place.partsBefore + job.parts
        case .running:
            job.partsAhead = partsBeforeEnd(ofRunning: job)
        case .succeeded, .failed, .cancelled:
            break
        }
        return job
    }

    /// The job with its place in the queue; nil where the table does not have it.
    package func job(_ id: JobID) -> Job? { records[id].map(shown) }

    /// The job with its place in the queue; nil where it has ended, or the table does not have it. Between the two a store on
    /// disk has not committed the end yet, and nobody may be told of it.
    package func liveJob(_ id: JobID) -> Job? { records[id].flatMap { $0.job.status.isEnded ? nil : shown($0) } }

    func list(_ filter: JobFilter, limit: Int, before cursor: JobID?) -> [Job] {
        let ids = filter.status.flatMap { idsByStatus[$0] } ?? ids
        let end = cursor.map { ids.rank(of: $0) } ?? ids.count
        let found = ids.elements.prefix(end).reversed().lazy.compactMap { records[$0] }.filter { filter.admits($0.job) }
        return found.prefix(max(limit, 0)).map(shown)
    }

    /// How many jobs of a status there are.
    package func counts(_ status: JobStatus) -> Int { idsByStatus[status]?.count ?? 0 }

    package func counts() -> JobCounts {
        func count(_ status: JobStatus) -> Int { idsByStatus[status]?.count ?? 0 }
        var counts = JobCounts()
        counts.queued = count(.queued)
        counts.running = count(.running)
        counts.succeeded = count(.succeeded)
        counts.failed = count(.failed)
        counts.cancelled = count(.cancelled)
        counts.queuedBytes = queuedBytes
        counts.queuedParts = ready.parts + waitingParts
        for id in idsByStatus[.queued]?.elements ?? [] {
            guard let job = records[id]?.job, !isMissingModel(job) else { continue }
            counts.queuedByClient[ByteText(job.client), default: JobCounts.Load()].add(
                bytes: job.inputBytes, parts: job.parts)
        }
        counts.endedBytes = endedBytes
        return counts
    }

    /// The running jobs; there are hardly more than workers.
    private var running: some Sequence<Job> {
        (idsByStatus[.running] ?? SortedDeque()).elements.lazy.compactMap { records[$0]?.job }
    }

    private var runningPartsLeft: Int { running.reduce(0) { $0 + $1.parts - $1.partsDone } }

    /// Running jobs take turns, so each other one has done at most as many parts as this one when this one ends.
    private func partsBeforeEnd(ofRunning job: Job) -> Int {
        let own = job.parts - job.partsDone
        return running.reduce(0) { $0 + min($1.parts - $1.partsDone, own) }
    }
}
