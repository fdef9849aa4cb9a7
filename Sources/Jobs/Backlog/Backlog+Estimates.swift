/// How long it takes until jobs end, and until there is room for more.
extension Backlog {
    /// The job with the seconds that it will take.
    func estimated(_ job: Job) -> Job {
        guard let partsAhead = job.partsAhead else { return job }
        var job = job
        state.withLock { state in
            if job.status == .running, let standing = state.standings[job.id] {
                job.note = standing.note
                job.estimatedSeconds = standing.secondsLeft
                return
            }
            job.estimatedSeconds = state.seconds(untilEndOf: job, partsAhead: partsAhead)
        }
        return job
    }
}

/// A long job in the hands of a worker.
struct LongJob: Sendable {
    let parts: Int
    let isSerial: Bool
    var partsDone = 0
}

/// When the places of the lane of long jobs become free, in seconds from now.
struct LaneForecast: Sendable {
    /// One a place.
    private var ends: [Double]

    /// So many places, and what those who have one still need.
    init(places: Int, left: [Double]) {
        let left = left.sorted().suffix(places)
        ends = [Double](repeating: 0, count: max(places - left.count, 0)) + left
    }

    /// When a job begins before which so many others do, each of which takes so long.
    func start(after others: Int, each: Double) -> Double {
        guard others <= 1_000 else { return (ends.reduce(0, +) + Double(others) * each) / Double(max(ends.count, 1)) }
        var ends = ends
        for _ in 0..<others {
            guard let first = ends.indices.min(by: { ends[$0] < ends[$1] }) else { break }
            ends[first] += each
        }
        return ends.min() ?? 0
    }
}

extension Backlog.State {
    /// The seconds until a job's end; nil as long as they can't be told.
    ///
    /// Short jobs and those that run take turns, at the measured rate. A long one that is queued begins when one of the places of
    /// its lane is free, by what those who have them still need. What one worker does alone takes what whoever works on such
    /// jobs has learned of them, and is no matter of the workers' rate.
    mutating func seconds(untilEndOf job: Job, partsAhead: Int) -> Double? {
        let isLong = ClaimLimit.isLong(parts: job.parts)
        let isSerial = isSerial(job.kind)
        guard isLong || isSerial else { return rate.seconds(parts: Double(partsAhead)) }
        let parts = Double(job.parts - job.partsDone)
        let own = isSerial ? expected(job).map { $0 * parts / Double(max(job.parts, 1)) } : rate.seconds(parts: parts)
        guard let own else { return nil }
        guard isLong, job.status == .queued, parts > 0 else {
            guard isSerial else { return rate.seconds(parts: Double(partsAhead)) }
            return own + (rate.seconds(parts: max(Double(partsAhead) - parts, 0)) ?? 0)
        }
        if isSerial { longPace = own / parts }
        guard let lane = lane(pace: own / parts) else { return nil }
        let others = max((job.queuePosition ?? 1) - 1, 0)
        return lane.start(after: others, each: Double(job.partsBefore) * own / parts / Double(max(others, 1))) + own
    }

    /// The lane of long jobs; nil where it can't be told when one of them ends.
    ///
    /// - Parameter pace: seconds a part of jobs that one worker does alone, where nothing else is known of one
    private func lane(pace: Double?) -> LaneForecast? {
        var left: [Double] = []
        for (id, job) in long {
            let standing = standings[id]
            let parts = Double(max(job.parts - (standing?.partsDone ?? job.partsDone), 0))
            let seconds = standing?.secondsLeft ?? (job.isSerial ? pace.map { $0 * parts } : rate.seconds(parts: parts))
            guard let seconds else { return nil }
            left.append(seconds)
        }
        return LaneForecast(places: max(rate.workers - 1, 1), left: left)
    }

    /// The seconds until so much has left the queue that the jobs fit; at least 1, and at most the ten minutes after which a guess
    /// is worth nothing. A client's own jobs take turns with those of the others.
    func retryAfterSeconds(_ shortage: QueueLedger.Shortage) -> Int {
        let (leaving, turns, longTurns) =
            switch shortage {
            case .ofAll(let leaving, _): (leaving, 1, 1)
            case .ofClient(let leaving): (leaving, max(ledger.queueing, 1), max(ledger.queueingLong, 1))
            }
        var seconds = rate.seconds(parts: leaving.shortParts * Double(turns))
        if leaving.long > 0 {
            let wait = lane(pace: longPace ?? runningPace)?.start(
                after: leaving.long * longTurns - 1, each: leaving.longParts * (longPace ?? runningPace ?? 0))
            let all = leaving.shortParts * Double(turns) + leaving.longParts * Double(leaving.long * longTurns)
            seconds = max(seconds ?? 0, wait ?? rate.seconds(parts: all) ?? 1)
        }
        guard let seconds else { return 1 }
        return Int(min(max(seconds.rounded(.up), 1), 600))
    }

    /// Seconds a part, as the long jobs that run have it.
    private var runningPace: Double? {
        var (seconds, parts) = (0.0, 0)
        for (id, job) in long {
            guard let standing = standings[id], let left = standing.secondsLeft else { continue }
            seconds += left
            parts += max(job.parts - standing.partsDone, 0)
        }
        return parts > 0 ? seconds / Double(parts) : rate.secondsPerPart
    }
}
