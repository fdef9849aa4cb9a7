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

/// A job in the hands of a worker that takes up a place of a lane of its own: a long one, or one that one worker does most of.
struct ApartJob: Sendable {
    let token: ClaimToken
    let parts: Int
    let isSerial: Bool
    var partsDone = 0

    /// Nil of a job that is soon done by whoever has time.
    init?(_ token: ClaimToken, parts: Int, isSerial: Bool) {
        guard ClaimLimit.Lane(parts: parts, isSerial: isSerial) != .short else { return nil }
        (self.token, self.parts, self.isSerial) = (token, parts, isSerial)
    }

    /// Whether it takes up a place of that lane: a long one may take one of either.
    func isIn(_ lane: ClaimLimit.Lane) -> Bool { lane == .long ? ClaimLimit.isLong(parts: parts) : isSerial }
}

/// When the places of a lane become free, in seconds from now.
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
    /// Short jobs and those that run take turns, at the measured rate. A long one that is queued, or one that one worker does
    /// most of, begins when one of the places of its lane is free, by what those who have them still need. What one worker does
    /// alone takes what whoever works on such jobs has learned of them, and is no matter of the workers' rate.
    mutating func seconds(untilEndOf job: Job, partsAhead: Int) -> Double? {
        let isSerial = isSerial(job.kind)
        let lane = ClaimLimit.Lane(parts: job.parts, isSerial: isSerial)
        guard lane != .short else { return rate.seconds(parts: Double(partsAhead)) }
        let parts = Double(job.parts - job.partsDone)
        let own = isSerial ? expected(job).map { $0 * parts / Double(max(job.parts, 1)) } : rate.seconds(parts: parts)
        guard let own else { return nil }
        guard job.status == .queued, parts > 0 else {
            guard isSerial else { return rate.seconds(parts: Double(partsAhead)) }
            return own + (rate.seconds(parts: max(Double(partsAhead) - parts, 0)) ?? 0)
        }
        if isSerial, lane == .long { longPace = own / parts }
        guard let forecast = forecast(of: lane, pace: own / parts) else { return nil }
        let others = max((job.queuePosition ?? 1) - 1, 0)
        return forecast.start(after: others, each: Double(job.partsBefore) * own / parts / Double(max(others, 1))) + own
    }

    /// What is to come of a lane's places; nil where it can't be told when a job that has one ends.
    ///
    /// - Parameter pace: seconds a part of jobs that one worker does alone, where nothing else is known of one
    private func forecast(of lane: ClaimLimit.Lane, pace: Double?) -> LaneForecast? {
        var left: [Double] = []
        for (id, job) in apart where job.isIn(lane) {
            let standing = standings[id]
            let parts = Double(max(job.parts - (standing?.partsDone ?? job.partsDone), 0))
            let seconds = standing?.secondsLeft ?? (job.isSerial ? pace.map { $0 * parts } : rate.seconds(parts: parts))
            guard let seconds else { return nil }
            left.append(seconds)
        }
        return LaneForecast(places: ClaimLimit.places(of: lane, workers: rate.workers), left: left)
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
            let wait = forecast(of: .long, pace: longPace ?? runningPace)?.start(
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
        for (id, job) in apart where job.isIn(.long) {
            guard let standing = standings[id], let left = standing.secondsLeft else { continue }
            seconds += left
            parts += max(job.parts - standing.partsDone, 0)
        }
        return parts > 0 ? seconds / Double(parts) : rate.secondsPerPart
    }
}
