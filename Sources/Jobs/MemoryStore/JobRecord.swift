/// All that the table knows of one job.
struct JobRecord: Sendable {
    /// What a record takes beside its output, roughly; so a flood of small results is bounded too.
    static let ownBytes = 1_024

    /// The job as it is shown, without its place in the queue.
    var job: Job
    /// What was handed in; nil once the job has ended.
    var new: NewJob?
    /// Who works on it; nil unless it is running.
    var holder: ClaimToken?
    /// Whether its worker has been told to stop.
    var isCancelRequested = false
    /// When it was inserted.
    let insertedAt: MonotonicTime
    /// When it ended; nil before.
    var endedAt: MonotonicTime?
    /// What came of it.
    var output: JobOutput?
    /// Whether somebody has the output.
    var isFetched = false

    /// The bytes it is billed for once it has ended.
    var endedBytes: Int { JobRecord.ownBytes + (output?.body.count ?? 0) }

    /// The bytes that are kept free for it until then.
    var promisedBytes: Int { new.map(JobRecord.promisedBytes) ?? 0 }

    /// The bytes that have to be kept free for a job's end.
    static func promisedBytes(_ new: NewJob) -> Int {
        let (sum, overflow) = new.outputEstimate.addingReportingOverflow(ownBytes)
        return overflow ? .max : sum
    }
}
