import Platform
import Synchronization

/// What a busy worker does.
struct Desk {
    /// Counts steps, so that no two are taken for the same.
    let number: Int
    let token: ClaimToken
    let part: Int?
    let since: MonotonicTime
    /// How often another worker may yet come to help and find nothing to help with.
    var helpsLeft: Int

    /// How often that may be at a part: some milliseconds of a thread that has nothing else to do.
    static let mostHelps = 8

    var job: JobID { token.job }
}

/// The workers and the jobs in their hands: the thin shell around a ``PartSchedule``.
///
/// Everything is in one monitor. The workers' threads block in it until there is a step to do; tasks only look in. A
/// job's end is decided here once, when its slot in the schedule is gone, and reported once.
final class Crew<Processor: JobProcessor>: Sendable {
    /// Someone who waits for the crew to come to something.
    struct Watcher {
        let condition: @Sendable (State) -> Bool
        let latch: Latch<Void?>
    }

    struct State {
        var schedule = PartSchedule()
        var jobs: [ClaimToken: RunningJob<Processor>] = [:]
        var desks: [Desk?]
        /// Steps that were begun.
        var begun = 0
        /// Where each worker can be helped.
        var places: [Processor.Place?]
        /// Whom each worker helps.
        var helping: [Int?]
        var alive = 0
        /// What tasks have yet to finish: the dispatcher, claims and reports.
        var pending = 0
        /// Whether jobs are on their way that were claimed, or may be.
        var isClaiming = false
        /// Whether somebody wanted to claim meanwhile.
        var wantsClaim = false
        /// The claims that are over for the crew and that the store has yet to hear of.
        var ending: Set<ClaimToken> = []
        var isDraining = false
        var isLeaving = false
        var watchers: [Watcher] = []
    }

    let processor: Processor
    let backlog: Backlog
    let size: Int
    /// Threads that can be at work at the same time.
    let processors: Int
    let workLog: (any WorkLog)?
    var clock: any JobClock { backlog.clock }
    let monitor: Monitor<State>
    /// Whether there is something to do for a worker who helps another, who looks here and takes no lock.
    let isWanted = Atomic<Bool>(false)

    init(processor: Processor, size: Int, backlog: Backlog, processors: Int) {
        self.processor = processor
        self.backlog = backlog
        self.size = size
        self.processors = processors
        workLog = backlog.store.workLog(workers: size)
        monitor = Monitor(
            State(
                desks: [Desk?](repeating: nil, count: size),
                places: [Processor.Place?](repeating: nil, count: size),
                helping: [Int?](repeating: nil, count: size)))
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
            isWanted.store(wakes != .none, ordering: .relaxed)
            guard !state.watchers.isEmpty else { return (result, wakes, [Watcher]()) }
            let now = state
            state.watchers.removeAll { $0.condition(now) }
            return (result, wakes, now.watchers.filter { $0.condition(now) })
        }
        if !looksOn || wakes == .several { wake(wakes) }
        for watcher in due { watcher.latch.close(with: ()) }
        return result
    }

    private func wake(_ workers: PartSchedule.Supply) {
        switch workers {
        case .none: break
        case .one: monitor.wakeOne()
        case .several: monitor.wakeAll()
        }
    }

    /// Waits, as a task, until the crew has come to `condition`; says whether it did in time.
    func reaches(
        _ condition: @escaping @Sendable (State) -> Bool, until deadline: MonotonicTime
    ) async -> Bool {
        let latch = Latch<Void?>()
        update { $0.watchers.append(Watcher(condition: condition, latch: latch)) }
        return await latch.value(until: deadline, by: clock) != nil
    }

    /// What the workers are doing.
    var health: PoolHealth {
        let now = clock.now
        let (desks, alive, jobs, helping, alone) = monitor.withLock { state in
            (
                state.desks, state.alive, state.jobs.count, state.helping.count { $0 != nil },
                state.schedule.alone?.job
            )
        }
        return PoolHealth(
            workers: size, alive: alive, runningJobs: jobs, activities: PoolHealth.activities(at: desks, now: now),
            helping: helping, alone: alone)
    }
}

extension Crew {
    /// A worker's life, on its own thread: steps, until the crew leaves.
    ///
    /// - Parameter report: called after a step of which the backlog has to hear; it must not block.
    func work(as worker: Int, report: (CrewReport) -> Void) {
        var scratch = processor.makeScratch()
        let place = processor.place(of: scratch)
        monitor.withLock { $0.places[worker] = place }
        var threadClock = ThreadClock()
        while let assignment = nextAssignment(for: worker, threadClock: &threadClock) {
            workLog?.begin(assignment.token.job, worker: worker)
            let result = perform(assignment, scratch: &scratch)
            if case .part = assignment { place?.close() }
            let (news, step) = record(result, of: assignment, by: worker, processorTime: threadClock.lap())
            backlog.observer.worked(step)
            if let news { report(news) }
        }
        update { $0.alive -= 1 }
    }

    /// What a worker does next.
    private enum Turn {
        case leave
        /// With the workers who are to be woken to help.
        case step(Assignment<Processor>, wakes: PartSchedule.Supply)
        case help(Help)
    }

    /// Blocks until there is a step to do, and helps others meanwhile; nil when the crew leaves.
    private func nextAssignment(for worker: Int, threadClock: inout ThreadClock) -> Assignment<Processor>? {
        while true {
            switch monitor.wait(for: { turn(of: worker, &$0) }) {
            case .leave: return nil
            case .help(let help): lend(worker, to: help, threadClock: &threadClock)
            case .step(let assignment, let wakes):
                wake(wakes)
                return assignment
            }
        }
    }

    /// What there is for a worker now; nil for nothing.
    private func turn(of worker: Int, _ state: inout State) -> Turn? {
        if state.isLeaving { return .leave }
        guard let step = state.schedule.next() else {
            workLog?.end(worker: worker)
            return state.help(by: worker, processors: processors).map { .help($0) }
        }
        isWanted.store(state.schedule.supply != .none, ordering: .relaxed)
        let now = clock.now
        guard let assignment = state.assignment(for: step, now: now) else { return nil }
        var part: Int?
        if case .part(_, let number) = step { part = number }
        let place = part == nil ? nil : state.places[worker]
        state.begun += 1
        state.desks[worker] = Desk(
            number: state.begun, token: step.token, part: part, since: now,
            helpsLeft: place == nil ? 0 : Desk.mostHelps)
        guard let place else { return .step(assignment, wakes: .none) }
        // Before anybody can see the desk.
        place.open()
        return .step(assignment, wakes: state.wantedHelp(processors: processors))
    }

    private func perform(
        _ assignment: Assignment<Processor>, scratch: inout Processor.Scratch
    ) -> StepResult<Processor> {
        do throws(JobFailure) {
            switch assignment {
            case .plan(let job):
                if let overdueAt = job.overdueAt, overdueAt <= clock.now { throw .deadlinePassed }
                guard let plan = try processor.plan(job) else { return .declined }
                return .planned(plan, parts: processor.partCount(plan), grows: processor.isGrowing(plan))
            case .prepare(_, let plan):
                return .prepared(try processor.prepare(plan))
            case .part(_, let plan, let part):
                let value = try processor.process(part: part, of: plan, scratch: &scratch)
                backlog.countPart()
                return .partDone(part, value)
            case .finish(_, let plan, let results, let timings):
                return .finished(try processor.finish(plan, results: results, timings: timings))
            }
        } catch {
            return .failed(error)
        }
    }

    /// Takes in what a step came to, and says what there is to report.
    private func record(
        _ result: StepResult<Processor>, of assignment: Assignment<Processor>, by worker: Int, processorTime: Duration
    ) -> (CrewReport?, WorkStep) {
        let now = clock.now
        let isPart = if case .part = assignment { true } else { false }
        return update(looksOn: true) { state in
            let token = assignment.token
            let time = state.desks[worker].map { now - $0.since } ?? .zero
            let step = WorkStep(
                client: state.jobs[token]?.claimed.client ?? "", isPart: isPart, time: time,
                processorTime: processorTime)
            state.jobs[token]?.workerTime += time
            state.desks[worker] = nil
            let report = state.takeIn(result, of: token, by: processor, now: now)
            // In here, where steps are in order: an older one would stand until the next, or be left behind by the job's end.
            if case .progress(_, _, let standing?, _) = report { backlog.note(standing, of: token.job) }
            // Before a job that is tried alone can get a step: what it ends is nobody else's doing.
            if state.schedule.alone != nil { workLog?.end(worker: worker) }
            if report != nil { state.pending += 1 }
            return (report, step)
        }
    }
}

extension Crew.State {
    /// The step with what it needs; marks the job as begun.
    fileprivate mutating func assignment(for step: PartSchedule.Step, now: MonotonicTime) -> Assignment<Processor>? {
        guard var job = jobs[step.token] else { return nil }
        switch step {
        case .plan:
            job.begunAt = now
            jobs[step.token] = job
            return .plan(job.claimed)
        case .prepare(let token):
            return job.plan.map { .prepare(token, $0) }
        case .part(let token, let part):
            return job.plan.map { .part(token, $0, part) }
        case .finish(let token):
            guard let plan = job.plan, let timings = job.timings(now: now) else { return nil }
            return .finish(token, plan, job.results.compactMap { $0 }, timings)
        }
    }

    /// Notes a step's result with its job, which may be given up already, and moves the schedule on.
    fileprivate mutating func takeIn(
        _ result: StepResult<Processor>, of token: ClaimToken, by processor: Processor, now: MonotonicTime
    ) -> CrewReport? {
        let isGone: Bool
        switch result {
        case .planned(let plan, let parts, let grows):
            jobs[token]?.plan = plan
            jobs[token]?.results = Array(repeating: nil, count: max(parts, 0))
            isGone = schedule.planned(token, parts: parts, grows: grows)
        case .declined:
            isGone = schedule.failed(token)
            // One that was cancelled meanwhile ends as that.
            if isGone, let job = jobs[token], job.outcome == nil {
                jobs[token] = nil
                ending.insert(token)
                return .giveBack(token, nil)
            }
        case .prepared(let known):
            if let count = jobs[token]?.results.count, known.count > count {
                jobs[token]?.results += Array(repeating: nil, count: known.count - count)
            }
            isGone = schedule.prepared(token, known)
        case .partDone(let part, let value):
            jobs[token]?.results[part] = value
            jobs[token]?.partsDone += 1
            isGone = schedule.partDone(token)
        case .finished(let output):
            settle(token, as: .succeeded(output))
            schedule.finished(token)
            isGone = true
        case .failed(let failure) where failure.isPassing:
            jobs[token]?.interruption = failure.detail
            isGone = schedule.failed(token)
        case .failed(let failure):
            settle(token, as: .failed(failure))
            isGone = schedule.failed(token)
        }
        if isGone { return end(token, now: now) }
        guard let job = jobs[token] else { return nil }
        switch result {
        case .prepared, .partDone:
            if let plan = job.plan, let standing = processor.standing(plan, partsDone: job.partsDone) {
                jobs[token]?.standing = standing
                return progress(of: job, token, partsDone: standing.partsDone, standing)
            }
            return job.partsDone < job.results.count ? progress(of: job, token, partsDone: job.partsDone, nil) : nil
        default: return nil
        }
    }

    /// What is reported of a job that goes on. A long one that was tried alone is so no longer, as the store has it too.
    private mutating func progress(
        of job: RunningJob<Processor>, _ token: ClaimToken, partsDone: Int, _ standing: JobStanding?
    ) -> CrewReport {
        var trial = Trial.none
        if job.claimed.isSuspect, partsDone > 0, job.claimed.lane != .short {
            trial = schedule.goOn(token) ? .over : .past
        }
        return .progress(token, partsDone: partsDone, standing, trial)
    }

    /// Decides how a job will end; the first to decide is right.
    mutating func settle(_ token: ClaimToken, as outcome: JobOutcome) {
        guard jobs[token]?.outcome == nil else { return }
        jobs[token]?.outcome = outcome
    }

    /// Lets go of a job whose last step is over. One that was given up has no end to report.
    mutating func end(_ token: ClaimToken, now: MonotonicTime) -> CrewReport? {
        guard let job = jobs.removeValue(forKey: token), job.outcome != nil || job.interruption != nil else {
            return nil
        }
        ending.insert(token)
        guard let outcome = job.outcome else { return .giveBack(token, job.interruption) }
        // What a job that grows has taken says nothing of parts.
        return .end(
            token, outcome, job.timings(now: now), parts: job.standing == nil ? job.partsDone : 0,
            workerTime: job.workerTime, helpTime: job.helpTime)
    }
}
