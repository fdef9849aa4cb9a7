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
    /// How far it is, as its processor says; nil where its parts say it.
    var standing: JobStanding?
    /// The time that workers spent on its steps, all together.
    var workerTime = Duration.zero
    /// The time that others helped them with those.
    var helpTime = Duration.zero
    /// How it will end, once that is known.
    var outcome: JobOutcome?
    /// Why it is to be given back, where it came to no end for a reason that may pass.
    var interruption: String?

    init(_ claimed: ClaimedJob, at time: MonotonicTime) {
        self.claimed = claimed
        claimedAt = time
    }

    /// Whether it takes a minute or more, as it was said to or as it turns out.
    var isLong: Bool { ClaimLimit.isLong(parts: max(claimed.parts, standing?.parts ?? 0)) }

    /// What is left of the parts that it was claimed with.
    var partsLeft: Int { max(claimed.parts - (standing?.partsDone ?? partsDone), 0) }

    /// How long it waited and how long it has been worked on; nil as long as nobody began.
    func timings(now: MonotonicTime) -> JobTimings? {
        begunAt.map { JobTimings(queued: claimed.waited + ($0 - claimedAt), scored: now - $0) }
    }
}

/// A step with what is needed to do it.
enum Assignment<Processor: JobProcessor>: Sendable {
    case plan(ClaimedJob)
    case prepare(ClaimToken, Processor.Plan)
    case part(ClaimToken, Processor.Plan, Int)
    case finish(ClaimToken, Processor.Plan, [Processor.PartResult], JobTimings)

    var token: ClaimToken {
        switch self {
        case .plan(let job): job.token
        case .prepare(let token, _), .part(let token, _, _), .finish(let token, _, _, _): token
        }
    }
}

/// What a step came to.
enum StepResult<Processor: JobProcessor>: Sendable {
    case planned(Processor.Plan, parts: Int, grows: Bool)
    case declined
    case prepared(PartsKnown)
    case partDone(Int, Processor.PartResult)
    case finished(JobOutput)
    case failed(JobFailure)
}

/// Whether a job that goes on was tried alone.
enum Trial: Sendable {
    /// It was not, or is so still.
    case none
    /// It was so until now.
    case over
    /// It was so, and has gone on before.
    case past
}

/// What the backlog has to hear of after a step.
enum CrewReport: Sendable {
    case progress(ClaimToken, partsDone: Int, JobStanding?, Trial)
    case end(ClaimToken, JobOutcome, JobTimings?, parts: Int, workerTime: Duration, helpTime: Duration)
    /// With what has interrupted it; nil for a job that has lost nothing.
    case giveBack(ClaimToken, String?)
}

/// What is done of a job that runs here: some of its parts, in order.
public struct PartResults<Processor: JobProcessor>: Sendable {
    /// What the parts are parts of.
    public let plan: Processor.Plan
    /// The number of the first one.
    public let start: Int
    /// They themselves, none missing between them.
    public let results: [Processor.PartResult]
}

extension WorkerPool {
    /// The finished parts of a running job from the part `start` up to the first that is not finished, at most `limit`.
    ///
    /// - Returns: nil unless the job is in the hands of this pool, and planned.
    public func partResults(of id: JobID, from start: Int, limit: Int = 16) -> PartResults<Processor>? {
        crew.partResults(of: id, from: start, limit: limit)
    }
}

extension Crew {
    /// Only the few that are asked for are copied under the lock: a copy of them all would make the next worker that
    /// notes a part copy them all again.
    func partResults(of id: JobID, from start: Int, limit: Int) -> PartResults<Processor>? {
        monitor.withLock { state in
            guard let token = state.jobs.keys.first(where: { $0.job == id }), let plan = state.jobs[token]?.plan,
                let results = state.jobs[token]?.finished(from: start, limit: limit)
            else { return nil }
            return PartResults(plan: plan, start: start, results: results)
        }
    }
}

extension RunningJob {
    /// The finished parts from `start` on, up to a gap.
    fileprivate func finished(from start: Int, limit: Int) -> [Processor.PartResult] {
        var finished: [Processor.PartResult] = []
        for part in max(start, 0)..<max(start, 0, min(start + limit, results.count)) {
            guard let result = results[part] else { break }
            finished.append(result)
        }
        return finished
    }
}
