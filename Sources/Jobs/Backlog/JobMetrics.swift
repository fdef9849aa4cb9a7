import Platform

/// What the queue has done since it began, and what it holds.
public struct JobMetrics: Sendable, Equatable {
    /// Jobs that were queued.
    public var accepted = 0
    /// Jobs and reservations that were refused.
    public var refused = 0
    /// Jobs that ended well.
    public var succeeded = 0
    /// Jobs that failed.
    public var failed = 0
    /// Jobs that were cancelled.
    public var cancelled = 0
    /// Outcomes that came from a holder that was none any more, and were dropped.
    public var dropped = 0
    /// Parts that workers finished.
    public var partsDone = 0

    /// Jobs in the queue, those that wait for their model not counted.
    public var queuedJobs = 0
    /// The bytes of their inputs.
    public var queuedBytes = 0
    /// Their parts.
    public var queuedParts = 0
    /// Jobs whose model is not served.
    public var waitingJobs = 0
    /// Uploads in flight that are to become jobs.
    public var uploads = 0
    /// Places kept for them.
    public var reservedJobs = 0
    /// The bytes kept for them.
    public var reservedBytes = 0
    /// Callers that wait for a job to end.
    public var waiters = 0
    /// What one worker takes for a part; nil before there was one.
    public var secondsPerPart: Double?

    /// Nothing yet.
    public init() {}

    /// Counts a job that ended.
    mutating func count(ended status: JobStatus) {
        switch status {
        case .succeeded: succeeded += 1
        case .failed: failed += 1
        case .cancelled: cancelled += 1
        case .queued, .running: break
        }
    }
}

extension Backlog {
    /// The counters and gauges as they are now.
    public var metrics: JobMetrics {
        var metrics = state.withLock { state in
            var metrics = state.metrics
            metrics.queuedJobs = state.ledger.queued.jobs
            metrics.queuedBytes = state.ledger.queued.bytes
            metrics.queuedParts = state.ledger.queued.parts
            metrics.waitingJobs = state.ledger.waiting
            metrics.uploads = state.uploads.values.count { $0.becomesJob }
            metrics.reservedJobs = state.ledger.reserved.jobs
            metrics.reservedBytes = state.ledger.reserved.bytes
            metrics.secondsPerPart = state.rate.secondsPerPart
            return metrics
        }
        metrics.waiters = watchers.count
        return metrics
    }
}

/// How fast parts get done, as a mean in which older parts count less and less.
struct PartRate: Sendable {
    /// What a measurement still counts for after the next one: about the last fifty matter.
    private static let fading = 0.98

    /// The workers that share the parts.
    var workers = 1
    private var parts = 0.0
    /// What a part takes of all workers together.
    private var seconds = 0.0
    /// What whoever works on it takes, with help and without.
    private var ownSeconds = 0.0

    /// The workers' time that a part takes, help counted in; nil before there was one.
    var secondsPerPart: Double? { parts > 0 ? seconds / parts : nil }

    /// How many parts all workers together do in a time, as a mean; nil before there was one.
    func parts(in time: Duration) -> Double? {
        seconds > 0 ? time.inSeconds * Double(max(workers, 1)) * parts / seconds : nil
    }

    /// Counts in a job's parts, the time that workers spent on them, and the time that others helped them.
    mutating func record(parts newParts: Int, workerTime: Duration, helpTime: Duration = .zero) {
        parts = parts * PartRate.fading + Double(newParts)
        seconds = seconds * PartRate.fading + (workerTime + helpTime).inSeconds
        ownSeconds = ownSeconds * PartRate.fading + workerTime.inSeconds
    }

    /// How long so many parts take all workers, never less than one part does; nil as long as nothing was measured.
    func seconds(parts: Double) -> Double? {
        guard self.parts > 0 else { return nil }
        return max(seconds * parts / Double(max(workers, 1)), ownSeconds) / self.parts
    }
}
