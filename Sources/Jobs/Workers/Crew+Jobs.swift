extension Crew {
    /// How many jobs the crew has in hand beside those that its workers do, so that no worker waits for the store: what it
    /// does in the time that a store on a busy disk may take to commit a claim, and one at least.
    private var reserve: Int { Int(min(max(backlog.jobs(in: .milliseconds(25)) ?? 1, 1), 32)) }

    /// Whether jobs are still claimed.
    var isClaiming: Bool { monitor.withLock { !$0.isDraining } }

    /// How many jobs to claim now, nil for none. It counts as pending until `settlePending`.
    ///
    /// A reserve of several is filled up when half of it is gone: many jobs a claim cost the store less.
    func beginClaim() -> Int? {
        let reserve = reserve
        return update { state in
            let room = size + reserve - state.jobs.count
            guard room > 0, room > reserve / 2, !state.isDraining else { return nil }
            state.pending += 1
            return room
        }
    }

    /// Takes the claimed jobs in.
    ///
    /// - Returns: those that came too late, because the crew has begun to drain.
    func admit(_ claimed: [ClaimedJob]) -> [ClaimToken] {
        let now = clock.now
        return update { state in
            if state.isDraining { return claimed.map(\.token) }
            for job in claimed {
                state.jobs[job.token] = RunningJob(job, at: now)
                state.schedule.admit(job.token)
            }
            return []
        }
    }

    /// Something that was pending is over.
    func settlePending() {
        update { $0.pending -= 1 }
    }

    /// Stops a job that was cancelled, before its next part.
    func cancel(_ id: JobID) -> CrewReport? {
        let now = clock.now
        return update { state in
            guard let token = state.jobs.keys.first(where: { $0.job == id }) else { return nil }
            state.settle(token, as: .cancelled)
            guard state.schedule.stop(token), let report = state.end(token, now: now) else { return nil }
            state.pending += 1
            return report
        }
    }

    /// Lets go of a job that is somebody else's now; nothing is reported.
    func giveUp(_ token: ClaimToken) {
        update { state in
            state.jobs[token] = nil
            _ = state.schedule.stop(token)
        }
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
        update { state in
            let tokens = Array(state.jobs.keys)
            for token in tokens {
                state.jobs[token] = nil
                _ = state.schedule.stop(token)
            }
            state.isLeaving = true
            return (tokens, state.desks.count { $0 != nil })
        }
    }
}
