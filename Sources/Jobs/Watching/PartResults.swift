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
