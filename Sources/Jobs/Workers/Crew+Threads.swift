import Platform

extension Crew {
    /// A worker's life, on its own thread: steps, until the crew leaves.
    ///
    /// - Parameter report: called after a step of which the backlog has to hear; it must not block.
    func work(as worker: Int, report: (CrewReport) -> Void) {
        var scratch = processor.makeScratch()
        while let assignment = nextAssignment(for: worker) {
            workLog?.begin(assignment.token.job, worker: worker)
            let result = perform(assignment, scratch: &scratch)
            if let news = record(result, of: assignment, by: worker) { report(news) }
        }
        update { $0.alive -= 1 }
    }

    /// Blocks until there is a step to do; nil when the crew leaves.
    private func nextAssignment(for worker: Int) -> Assignment<Processor>? {
        monitor.wait { state -> Assignment<Processor>?? in
            if state.isLeaving { return .some(nil) }
            guard let step = state.schedule.next() else {
                workLog?.end(worker: worker)
                return nil
            }
            let now = clock.now
            guard let assignment = state.assignment(for: step, now: now) else { return nil }
            var part: Int?
            if case .part(_, let number) = step { part = number }
            state.desks[worker] = Desk(job: step.token.job, part: part, since: now)
            return .some(assignment)
        }
    }

    private func perform(
        _ assignment: Assignment<Processor>, scratch: inout Processor.Scratch
    ) -> StepResult<Processor> {
        do throws(JobFailure) {
            switch assignment {
            case .plan(let job):
                if let overdueAt = job.overdueAt, overdueAt <= clock.now { throw .deadlinePassed }
                guard let plan = try processor.plan(job) else { return .declined }
                return .planned(plan, parts: processor.partCount(plan))
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
        _ result: StepResult<Processor>, of assignment: Assignment<Processor>, by worker: Int
    ) -> CrewReport? {
        let now = clock.now
        return update(looksOn: true) { state in
            let token = assignment.token
            if let desk = state.desks[worker] { state.jobs[token]?.workerTime += now - desk.since }
            state.desks[worker] = nil
            let report = state.takeIn(result, of: token, now: now)
            if report != nil { state.pending += 1 }
            return report
        }
    }
}

extension Crew.State {
    /// The step with what it needs; marks the job as begun.
    mutating func assignment(for step: PartSchedule.Step, now: MonotonicTime) -> Assignment<Processor>? {
        guard var job = jobs[step.token] else { return nil }
        switch step {
        case .plan:
            job.begunAt = now
            jobs[step.token] = job
            return .plan(job.claimed)
        case .part(let token, let part):
            return job.plan.map { .part(token, $0, part) }
        case .finish(let token):
            guard let plan = job.plan, let timings = job.timings(now: now) else { return nil }
            return .finish(token, plan, job.results.compactMap { $0 }, timings)
        }
    }

    /// Notes a step's result with its job, which may be given up already, and moves the schedule on.
    mutating func takeIn(_ result: StepResult<Processor>, of token: ClaimToken, now: MonotonicTime) -> CrewReport? {
        let isGone: Bool
        switch result {
        case .planned(let plan, let parts):
            jobs[token]?.plan = plan
            jobs[token]?.results = Array(repeating: nil, count: max(parts, 0))
            isGone = schedule.planned(token, parts: parts)
        case .declined:
            isGone = schedule.failed(token)
            // One that was cancelled meanwhile ends as that.
            if isGone, let job = jobs[token], job.outcome == nil {
                jobs[token] = nil
                ending.insert(token)
                return .giveBack(token)
            }
        case .partDone(let part, let value):
            jobs[token]?.results[part] = value
            jobs[token]?.partsDone += 1
            isGone = schedule.partDone(token)
        case .finished(let output):
            settle(token, as: .succeeded(output))
            schedule.finished(token)
            isGone = true
        case .failed(let failure):
            settle(token, as: .failed(failure))
            isGone = schedule.failed(token)
        }
        if isGone { return end(token, now: now) }
        guard case .partDone = result, let job = jobs[token], job.partsDone < job.results.count else { return nil }
        return .progress(token, partsDone: job.partsDone)
    }

    /// Decides how a job will end; the first to decide is right.
    mutating func settle(_ token: ClaimToken, as outcome: JobOutcome) {
        guard jobs[token]?.outcome == nil else { return }
        jobs[token]?.outcome = outcome
    }

    /// Lets go of a job whose last step is over. One that was given up has no end to report.
    mutating func end(_ token: ClaimToken, now: MonotonicTime) -> CrewReport? {
        guard let job = jobs.removeValue(forKey: token), let outcome = job.outcome else { return nil }
        ending.insert(token)
        return .end(
            token, outcome, job.timings(now: now), parts: job.partsDone, workerTime: job.workerTime)
    }
}
