/// Told of what happens to jobs, by whoever counts or traces them. Each call has to be short and must not block; none is
/// made under a lock.
public protocol JobObserver: Sendable {
    /// Jobs were accepted and committed.
    func submitted(_ jobs: [Job])

    /// A worker has done a step of a job. Called on its thread.
    func worked(_ step: WorkStep)

    /// A job has ended, however that came, and its end is committed.
    ///
    /// - Parameters:
    ///   - job: as it is now
    ///   - writing: how long it took to write the end of a job that a worker has had; nil of others
    func ended(_ job: Job, writing: Duration?)

    /// A job's claim has run out: it is queued again, or has ended.
    func lapsed(_ job: Job)

    /// A job that had ended was removed since somebody asked for that.
    func forgot(_ job: JobID)

    /// So many ended jobs were removed since their time was over.
    func expired(_ jobs: Int)
}

extension JobObserver {
    /// Passed over.
    public func submitted(_ jobs: [Job]) {}
    /// Passed over.
    public func worked(_ step: WorkStep) {}
    /// Passed over.
    public func ended(_ job: Job, writing: Duration?) {}
    /// Passed over.
    public func lapsed(_ job: Job) {}
    /// Passed over.
    public func forgot(_ job: JobID) {}
    /// Passed over.
    public func expired(_ jobs: Int) {}
}

/// What a worker did between looking for something to do and looking again.
public struct WorkStep: Sendable, Equatable {
    /// Whose job it was.
    public let client: String
    /// Whether it was a part, and not the planning of a job, the putting together of its result, or help with a part.
    public let isPart: Bool
    /// How long it took.
    public let time: Duration
    /// The time that the worker had of a processor.
    public let processorTime: Duration
}

/// Several observers, each told in turn.
public struct JobObservers: JobObserver {
    private let all: [any JobObserver]

    /// Those of a list; none is fine.
    public init(_ all: [any JobObserver] = []) { self.all = all }

    /// Tells all of them.
    public func submitted(_ jobs: [Job]) { for one in all { one.submitted(jobs) } }
    /// Tells all of them.
    public func worked(_ step: WorkStep) { for one in all { one.worked(step) } }
    /// Tells all of them.
    public func ended(_ job: Job, writing: Duration?) { for one in all { one.ended(job, writing: writing) } }
    /// Tells all of them.
    public func lapsed(_ job: Job) { for one in all { one.lapsed(job) } }
    /// Tells all of them.
    public func forgot(_ job: JobID) { for one in all { one.forgot(job) } }
    /// Tells all of them.
    public func expired(_ jobs: Int) { for one in all { one.expired(jobs) } }
}
