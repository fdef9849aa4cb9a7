import Platform

/// What a busy worker does.
struct Desk {
    let job: JobID
    let part: Int?
    let since: MonotonicTime
}

/// The workers and the jobs in their hands: the thin shell around a ``PartSchedule``.
///
/// Everything is in one monitor. The workers' threads block in it until there is a step to do; tasks only look in. A
/// job's end is decided here once, when its slot in the schedule is gone, and reported once.
final class Crew<Processor: JobProcessor>: Sendable {
    /// Someone who waits for the crew to come to something.
    struct Watcher {
        let condition: @Sendable (State) -> Bool
        let latch: Latch<Void>
    }

    struct State {
        var schedule = PartSchedule()
        var jobs: [ClaimToken: RunningJob<Processor>] = [:]
        var desks: [Desk?]
        var alive = 0
        /// What tasks have yet to finish: the dispatcher, claims and reports.
        var pending = 0
        /// The claims that are over for the crew and that the store has yet to hear of.
        var ending: Set<ClaimToken> = []
        var isDraining = false
        var isLeaving = false
        var watchers: [Watcher] = []
    }

    let processor: Processor
    let backlog: Backlog
    let size: Int
    let workLog: (any WorkLog)?
    var clock: any JobClock { backlog.clock }
    let monitor: Monitor<State>

    init(processor: Processor, size: Int, backlog: Backlog) {
        self.processor = processor
        self.backlog = backlog
        self.size = size
        workLog = backlog.store.workLog(workers: size)
        monitor = Monitor(State(desks: [Desk?](repeating: nil, count: size)))
    }

    /// Changes the state and wakes all for whom that may mean something.
    ///
    /// Waking a thread in vain costs as much as a small job's answer. So workers are woken for steps that are there alone:
    /// no step comes to be but in here.
    ///
    /// - Parameter looksOn: whether the caller is a worker who looks for a step itself right afterwards, and takes one
    func update<Result>(looksOn: Bool = false, _ body: (inout State) -> Result) -> Result {
        let (result, wakes, due) = monitor.withLock { state in
            let result = body(&state)
            let wakes = state.isLeaving ? .several : state.schedule.supply
            guard !state.watchers.isEmpty else { return (result, wakes, [Watcher]()) }
            let now = state
            state.watchers.removeAll { $0.condition(now) }
            return (result, wakes, now.watchers.filter { $0.condition(now) })
        }
        switch wakes {
        case .none: break
        case .one: if !looksOn { monitor.wakeOne() }
        case .several: monitor.wakeAll()
        }
        for watcher in due { watcher.latch.close(with: ()) }
        return result
    }

    /// Waits, as a task, until the crew has come to `condition`; says whether it did in time.
    func reaches(
        _ condition: @escaping @Sendable (State) -> Bool, until deadline: MonotonicTime
    ) async -> Bool {
        let latch = Latch<Void>()
        update { $0.watchers.append(Watcher(condition: condition, latch: latch)) }
        return await latch.value(until: deadline, by: clock) != nil
    }

    /// What the workers are doing.
    var health: PoolHealth {
        let now = clock.now
        let (desks, alive, jobs) = monitor.withLock { ($0.desks, $0.alive, $0.jobs.count) }
        return PoolHealth(
            workers: size, alive: alive, runningJobs: jobs, activities: PoolHealth.activities(at: desks, now: now))
    }
}
