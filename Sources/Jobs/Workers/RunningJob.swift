import Platform

/// A job that a pool has claimed, with all that its workers have made of it so far.
struct RunningJob<Processor: JobProcessor>: Sendable {
    let claimed: ClaimedJob
    let claimedAt: MonotonicTime
    /// When a worker first took it up.
    var begunAt: MonotonicTime?
    var plan: Processor.Plan?
    /// One a part, nil until it is done.
    var results: [Processor.PartResult?] = []
    var partsDone = 0
    /// The time that workers spent on it, all together.
    var workerTime = Duration.zero
    /// How it will end, once that is known.
    var outcome: JobOutcome?

    init(_ claimed: ClaimedJob, at time: MonotonicTime) {
        self.claimed = claimed
        claimedAt = time
    }

    /// How long it waited and how long it has been worked on; nil as long as nobody began.
    func timings(now: MonotonicTime) -> JobTimings? {
        begunAt.map { JobTimings(queued: claimed.waited + ($0 - claimedAt), scored: now - $0) }
    }
}

/// A step with what is needed to do it.
enum Assignment<Processor: JobProcessor>: Sendable {
    case plan(ClaimedJob)
    case part(ClaimToken, Processor.Plan, Int)
    case finish(ClaimToken, Processor.Plan, [Processor.PartResult], JobTimings)

    var token: ClaimToken {
        switch self {
        case .plan(let job): job.token
        case .part(let token, _, _), .finish(let token, _, _, _): token
        }
    }
}

/// What a step came to.
enum StepResult<Processor: JobProcessor>: Sendable {
    case planned(Processor.Plan, parts: Int)
    case declined
    case partDone(Int, Processor.PartResult)
    case finished(JobOutput)
    case failed(JobFailure)
}

/// What the backlog has to hear of after a step.
enum CrewReport: Sendable {
    case progress(ClaimToken, partsDone: Int)
    case end(ClaimToken, JobOutcome, JobTimings?, parts: Int, workerTime: Duration)
    case giveBack(ClaimToken)
}
