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

    init() {}

    /// Notes what was inserted.
    mutating func insert(_ submission: Submission, as jobs: [JobID], batch: BatchID?) {
        for (id, new) in zip(jobs, submission.jobs) {
            let names = Names(keys: (submission.key?.name).map { [$0] } ?? [], reuseKey: new.reuseKey, batch: batch)
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
    }

    /// Forgets a job's names.
    mutating func forget(_ id: JobID) {
        callbacks.remove(id)
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
