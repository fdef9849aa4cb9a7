import Platform

/// All that a table knows of one job.
package struct JobRecord: Sendable {
    /// What a record takes beside its output, roughly; so a flood of small results is bounded too.
    static let ownBytes = 1_024

    /// The job as it is shown, without its place in the queue.
    package var job: Job
    /// What to work on; nil where the store keeps it elsewhere, and once the job has ended.
    package var input: JobBody?
    /// The bytes that are kept free for its end.
    package let promise: Int
    /// Who works on it; nil unless it is running.
    package var holder: ClaimToken?
    /// When its claim runs out; nil unless it is running, and where that is not known.
    package var leaseEnd: MonotonicTime?
    /// The claim that ran out, as long as nobody else has had the job since.
    package var lapsed: ClaimToken?
    /// Whether its worker has been told to stop.
    package var isCancelRequested = false
    /// Whether the process ended while it was running, so that it may be what ended it.
    package var isSuspect = false
    /// When it was inserted.
    package let insertedAt: MonotonicTime
    /// When it is too late to begin with it.
    package let overdueAt: MonotonicTime?
    /// When it ended; nil before.
    package var endedAt: MonotonicTime?
    /// What came of it.
    package var output: JobOutput?
    /// Whether somebody has the output.
    var isFetched = false

    /// A job that was not ended when it was last written.
    package init(
        job: Job, input: JobBody?, outputEstimate: Int, insertedAt: MonotonicTime, overdueAt: MonotonicTime?
    ) {
        self.job = job
        self.input = input
        promise = JobRecord.promise(outputEstimate)
        self.insertedAt = insertedAt
        self.overdueAt = overdueAt
    }

    /// The bytes it is billed for once it has ended.
    var endedBytes: Int { JobRecord.ownBytes + (output?.body.count ?? 0) }

    /// The bytes that are kept free for it until then.
    var promisedBytes: Int { job.status.isEnded ? 0 : promise }

    /// The bytes that have to be kept free for the end of a job with an output of so many.
    package static func promise(_ outputEstimate: Int) -> Int {
        let (sum, overflow) = outputEstimate.addingReportingOverflow(ownBytes)
        return overflow ? .max : sum
    }
}

extension JobRecord {
    /// The record of a job that is handed in now.
    package init(_ new: NewJob, id: JobID, batch: BatchID?, wall: WallTime, now: MonotonicTime, keepsInput: Bool = true)
    {
        self.init(
            job: Job(new, id: id, createdAt: wall, batch: batch), input: keepsInput ? new.input : nil,
            outputEstimate: new.outputEstimate,
            insertedAt: now, overdueAt: new.deadline.map { now + $0 })
    }
}
