import Logging
import Platform

/// What comes into the crew's hands, and what it gives up.
extension Crew {
    /// The jobs that the crew has in hand at most, beside one for each worker.
    private static var mostInReserve: Int { 32 }

    /// The parts that the crew has in hand, so that no worker waits for the store: what it does in the time that a store on
    /// a busy disk may take to commit a claim.
    private var reserve: Int { Int(min(backlog.parts(in: .milliseconds(25)) ?? 0, 1_000)) }

    /// Whether jobs are still claimed.
    var isClaiming: Bool { monitor.withLock { !$0.isDraining } }

    /// How much to claim now, nil for nothing. It counts as pending until ``endClaim()``; nobody else claims meanwhile.
    ///
    /// A job for each worker and one to go on with; more only as long as they are short; and beside them, of those that take a
    /// minute or more, one for each worker but one; of those that one worker does most of, whatever they are said to take, one for
    /// each worker and one more. The reserve is filled up when half of it is gone: many jobs a claim cost the store less.
    ///
    /// - Parameter looksAgain: whether who asks is to look again where somebody else claims just now
    func beginClaim(looksAgain: Bool = true) -> ClaimLimit? {
        let (reserve, hasLongJobs) = (reserve, backlog.hasLongJobs.load(ordering: .relaxed))
        return update { state in
            var (held, parts, long, serial) = (0, 0, 0, 0)
            for job in state.jobs.values {
                if job.isLong { long += 1 }
                if processor.isSerial(kind: job.claimed.kind) { serial += 1 }
                guard job.claimed.lane == .short else { continue }
                held += 1
                parts += job.partsLeft
            }
            // Beside the long ones a worker is left for the others.
            let limit = ClaimLimit(
                jobs: size + Self.mostInReserve - held, parts: max(size + reserve - parts, 0), least: size + 1 - held,
                long: min(max(size - 1, 1) - long, size + 1 - serial), serial: size + 1 - serial)
            let isHalfGone = limit.parts > reserve / 2 && limit.jobs > Self.mostInReserve / 2
            guard !state.isDraining, limit.jobs > 0,
                limit.least > 0 || isHalfGone || hasLongJobs && (limit.long > 0 || limit.serial > 0)
            else { return nil }
            guard !state.isClaiming else {
                if looksAgain { state.wantsClaim = true }
                return nil
            }
            state.isClaiming = true
            state.pending += 1
            return limit
        }
    }

    /// A claim is over; says whether somebody wanted another meanwhile.
    func endClaim() -> Bool {
        update { state in
            state.pending -= 1
            state.isClaiming = false
            defer { state.wantsClaim = false }
            return state.wantsClaim
        }
    }

    /// Takes the claimed jobs in.
    ///
    /// - Returns: those that came too late, because the crew has begun to drain.
    func admit(_ claimed: [ClaimedJob]) -> [ClaimToken] {
        let now = clock.now
        for job in claimed where job.isSuspect {
            let end = job.lane != .short ? "it has gone on" : "it has ended"
            backlog.logger.notice(
                "a job that ran when the process ended is tried alone: the others wait until \(end)",
                metadata: ["job": "\(job.id)", "attempt": .stringConvertible(job.attempt)])
        }
        return update { state in
            if state.isDraining { return claimed.map(\.token) }
            for job in claimed {
                state.jobs[job.token] = RunningJob(job, at: now)
                state.schedule.admit(job.token, alone: job.isSuspect)
            }
            return []
        }
    }

    /// Something that was pending is over; the claim that it was about is nobody's now.
    func settlePending(_ token: ClaimToken? = nil) {
        update { state in
            state.pending -= 1
            if let token { state.ending.remove(token) }
        }
    }

    /// The claims of the jobs in hand, and of those whose ends are not written yet.
    var claims: [ClaimToken] { monitor.withLock { Array($0.jobs.keys) + $0.ending } }

    /// Stops a job that was cancelled, before its next part.
    func cancel(_ id: JobID) -> CrewReport? {
        let now = clock.now
        let (report, plan) = update { state -> (CrewReport?, Processor.Plan?) in
            guard let token = state.jobs.keys.first(where: { $0.job == id }) else { return (nil, nil) }
            let plan = state.jobs[token]?.plan
            state.settle(token, as: .cancelled)
            guard state.schedule.stop(token), let report = state.end(token, now: now) else { return (nil, plan) }
            state.pending += 1
            return (report, plan)
        }
        if let plan { processor.stop(plan) }
        return report
    }

    /// Lets go of a job that is somebody else's now; nothing is reported.
    func giveUp(_ token: ClaimToken) {
        let plan = update { state in
            let plan = state.jobs[token]?.plan
            state.jobs[token] = nil
            _ = state.schedule.stop(token)
            return plan
        }
        if let plan { processor.stop(plan) }
    }

    /// Claims nothing more, and gives up what nobody has begun with.
    ///
    /// - Returns: what is to be released.
    func beginDraining() -> [ClaimToken] {
        update { state in
            state.isDraining = true
            let unbegun = state.schedule.unbegun
            for token in unbegun {
                state.jobs[token] = nil
                _ = state.schedule.stop(token)
            }
            return unbegun
        }
    }

    /// Gives up all that is left and sends the workers home after the step they are at.
    ///
    /// - Returns: what is to be released, and how many workers are at a step.
    func leave() -> (tokens: [ClaimToken], busy: Int) {
        let (tokens, busy, plans) = update { state in
            let tokens = Array(state.jobs.keys)
            let plans = state.jobs.values.compactMap(\.plan)
            for token in tokens {
                state.jobs[token] = nil
                _ = state.schedule.stop(token)
            }
            state.isLeaving = true
            return (tokens, state.desks.count { $0 != nil }, plans)
        }
        for plan in plans { processor.stop(plan) }
        return (tokens, busy)
    }
}
