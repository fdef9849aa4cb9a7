import Platform

/// What a memory store knows of jobs by other names than their IDs: keys, batches, equal jobs, callbacks.
///
/// It has nothing that the table has not: a job that is forgotten goes here too.
struct JobRegistry: Sendable {
    private struct Answer: Sendable {
        let fingerprint: String
        let jobs: [JobID]
        let batch: BatchID?
    }

    private struct Names: Sendable {
        var keys: [IdempotencyKey.Name] = []
        var reuseKey: String?
        var batch: BatchID?
    }

    private var answers: [IdempotencyKey.Name: Answer] = [:]
    private var batches: [BatchID: [JobID]] = [:]
    private var succeeded: [ByteText: JobID] = [:]
    private var names: [JobID: Names] = [:]
    var callbacks = CallbackTable()
    var alerts = AlertTable()
    var remarks = RemarkShelf()

    init() {}

    /// Notes what was inserted.
    mutating func insert(_ submission: Submission, as jobs: [JobID], batch: BatchID?) {
        for (id, new) in zip(jobs, submission.jobs) {
            let names = Names(keys: (submission.key?.name).map { [$0] } ?? [], reuseKey: new.ownReuseKey, batch: batch)
            if !names.keys.isEmpty || names.reuseKey != nil || names.batch != nil { self.names[id] = names }
        }
        if let batch { batches[batch] = jobs }
        if let key = submission.key {
            answers[key.name] = Answer(fingerprint: key.fingerprint, jobs: jobs, batch: batch)
        }
    }

    /// Notes that a key stands for a job that was there before.
    mutating func insert(_ key: IdempotencyKey, for job: JobID) {
        names[job, default: Names()].keys.append(key.name)
        answers[key.name] = Answer(fingerprint: key.fingerprint, jobs: [job], batch: nil)
    }

    /// The jobs that a key stands for already, nil where it is new.
    func answer(to key: IdempotencyKey) throws(JobStoreError) -> (jobs: [JobID], batch: BatchID?)? {
        guard let answer = answers[key.name] else { return nil }
        guard answer.fingerprint == key.fingerprint else { throw .keyReused(key.text) }
        return (answer.jobs, answer.batch)
    }

    /// The job that has succeeded with the output that a job with this key would have.
    func succeeded(_ reuseKey: String) -> JobID? { succeeded[reuseKey] }

    func jobs(of batch: BatchID) -> [JobID]? { batches[batch] }

    /// Notes that a job has ended.
    mutating func end(_ record: JobRecord, now: MonotonicTime) {
        let job = record.job
        if job.status == .succeeded, let key = names[job.id]?.reuseKey { succeeded[key] = job.id }
        if let url = job.callback { callbacks.add(job.id, url: url, now: now) }
        for place in job.alerts { alerts.end(job.id, place, now: now) }
    }

    /// Whether somebody is still to be told that a job has ended, or of what is in it.
    func isAwaited(_ id: JobID) -> Bool { callbacks.contains(id) || alerts.contains(id) }

    /// Forgets a job's names.
    mutating func forget(_ id: JobID) {
        callbacks.remove(id)
        alerts.remove(id)
        remarks.remove(id)
        guard let names = names.removeValue(forKey: id) else { return }
        if let key = names.reuseKey, succeeded[key] == id { succeeded[key] = nil }
        if let batch = names.batch { forget(id, of: batch) }
        // A key lives as long as the last job that it stands for.
        for key in names.keys {
            if let answer = answers[key], answer.jobs.allSatisfy({ self.names[$0] == nil }) { answers[key] = nil }
        }
    }

    private mutating func forget(_ id: JobID, of batch: BatchID) {
        batches[batch]?.removeAll { $0 == id }
        if batches[batch]?.isEmpty == true { batches[batch] = nil }
    }
}

/// The notes that are on their way, and when each is due.
struct CallbackTable: Sendable {
    /// How long a note that was taken is nobody else's.
    static let lease = Duration.seconds(120)

    struct Entry: Sendable {
        let url: String
        let endedAt: MonotonicTime
        var tries = 0
        var due: MonotonicTime

        /// Where it stands in line: there is one for each receiver, and another one for its notes that failed before.
        var line: Line { Line(receiver: ByteText(CallbackNote.receiver(url)), failed: tries > 0) }
    }

    struct Line: Hashable, Sendable {
        let receiver: ByteText
        let failed: Bool
    }

    private var entries: [JobID: Entry] = [:]
    private var lines: [Line: SortedDeque<JobTable.Moment>] = [:]

    mutating func add(_ job: JobID, url: String, now: MonotonicTime) {
        insert(job, Entry(url: url, endedAt: now, due: now))
    }

    func contains(_ job: JobID) -> Bool { entries[job] != nil }

    var count: Int { entries.count }

    mutating func remove(_ job: JobID) {
        guard let entry = entries.removeValue(forKey: job) else { return }
        let line = entry.line
        lines[line]?.remove(JobTable.Moment(at: entry.due, id: job))
        if lines[line]?.isEmpty == true { lines[line] = nil }
    }

    /// The notes that are due and that there is room for; they count as tried, and are due again when their lease has run
    /// out.
    mutating func take(
        limit: Int, within room: CallbackRoom, now: MonotonicTime
    ) -> [(job: JobID, entry: Entry)] {
        let due = lines.flatMap { line, moments in
            let left = min(limit, room.left(to: line.receiver.text, failed: line.failed))
            return moments.elements.prefix(max(0, left)).prefix { $0.at <= now }.map { (moment: $0, line: line) }
        }
        let taken = room.fitting(due.sorted { $0.moment < $1.moment }, limit: limit) {
            ($0.line.receiver.text, $0.line.failed)
        }
        return taken.compactMap { moment, _ in
            guard var entry = entries[moment.id] else { return nil }
            remove(moment.id)
            entry.tries += 1
            entry.due = now + Self.lease
            insert(moment.id, entry)
            return (moment.id, entry)
        }
    }

    mutating func settle(_ job: JobID, _ verdict: CallbackVerdict, now: MonotonicTime) {
        guard var entry = entries[job] else { return }
        remove(job)
        switch verdict {
        case .settled: return
        case .retry(let delay): entry.due = now + delay
        case .untried:
            entry.tries -= 1
            entry.due = now + CallbackVerdict.soon
        }
        insert(job, entry)
    }

    private mutating func insert(_ job: JobID, _ entry: Entry) {
        entries[job] = entry
        lines[entry.line, default: SortedDeque()].insert(JobTable.Moment(at: entry.due, id: job))
    }
}
