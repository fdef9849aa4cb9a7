import Platform

/// How the workers are.
public struct PoolHealth: Sendable, Equatable {
    /// What a worker is doing.
    public struct Activity: Sendable, Equatable {
        /// The worker, from 0.
        public let worker: Int
        /// The job it works on.
        public let job: JobID
        /// The part; nil while it plans the job or puts it together.
        public let part: Int?
        /// How long it has been at it.
        public let elapsed: Duration
    }

    /// How many workers there should be.
    public let workers: Int
    /// How many threads are there.
    public let alive: Int
    /// The jobs in the workers' hands.
    public let runningJobs: Int
    /// What the busy workers do.
    public let activities: [Activity]

    /// What those who sit at `desks` do.
    static func activities(at desks: [Desk?], now: MonotonicTime) -> [Activity] {
        var activities: [Activity] = []
        for worker in 0..<desks.count {
            guard let desk = desks[worker] else { continue }
            activities.append(Activity(worker: worker, job: desk.job, part: desk.part, elapsed: now - desk.since))
        }
        return activities
    }

    /// How many workers are busy.
    public var busy: Int { activities.count }

    /// Those that are at the same part for longer than any part should take.
    public func stuck(longerThan limit: Duration) -> [Activity] {
        activities.filter { $0.elapsed > limit }
    }
}

/// How a pool left.
public struct DrainReport: Sendable, Equatable {
    /// How many jobs were given back to the queue.
    public let released: Int
    /// How many workers were still at work when the time was up.
    public let stillBusy: Int
}
