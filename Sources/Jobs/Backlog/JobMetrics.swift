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
