import Platform

extension WorkerPool {
    /// Says which models are served, again and again while the store fails: without that nothing may be claimed.
    func serve(_ models: ServedModels, missing: MissingModel) async {
        while crew.isClaiming {
            do {
                return try await backlog.serve(models, missing: missing)
            } catch {
                logger.error("the store can't be told which models are served: \(error)")
                try? await backlog.clock.sleep(until: backlog.clock.now + .seconds(1))
            }
        }
    }

    /// After each ring claims as many jobs as the crew has room for.
    ///
    /// When it gets fewer, the queue was empty and the next job rings, or the next in it is long; when it gets all, the crew is
    /// full. In both cases the next job that leaves the crew rings.
    func dispatch() async {
        while crew.isClaiming {
            await backlog.bell.wait()
            guard let limit = crew.beginClaim() else { continue }
            _ = await release(crew.admit(await claim(limit)))
            crew.settlePending()
        }
    }

    /// Claims jobs; when the store fails, none, and rings again a second later.
    private func claim(_ limit: ClaimLimit) async -> [ClaimedJob] {
        do {
            return try await backlog.claim(limit)
        } catch {
            logger.error("no job could be claimed: \(error)")
            Task {
                try? await backlog.clock.sleep(until: backlog.clock.now + .seconds(1))
                backlog.bell.ring()
            }
            return []
        }
    }

    /// Says of all claims that somebody works on them, or on writing their ends.
    func renewClaims() async {
        let tokens = crew.claims
        guard !tokens.isEmpty else { return }
        do {
            for (token, renewal) in zip(tokens, try await backlog.renew(tokens)) {
                follow(renewal.standing, of: token)
            }
        } catch {
            logger.warning("claims could not be renewed: \(error)")
        }
    }

    /// Goes on with a job, or does not.
    private func follow(_ standing: ClaimStanding, of token: ClaimToken) {
        switch standing {
        case .held: break
        case .cancelRequested: if let report = crew.cancel(token.job) { send(report) }
        case .lost:
            crew.giveUp(token)
            backlog.bell.ring()
        }
    }

    /// Has a task tell the backlog, and rings if a job has left the crew.
    func send(_ report: CrewReport) {
        switch report {
        case .progress(let token, let partsDone):
            Task {
                await tell(progress: partsDone, of: token)
                crew.settlePending()
            }
        case .end(let token, let outcome, let timings, let parts, let workerTime):
            if parts > 0 { backlog.measure(parts: parts, workerTime: workerTime) }
            backlog.bell.ring()
            Task {
                await tell(outcome, of: token, timings: timings)
                crew.settlePending(token)
            }
        case .giveBack(let token):
            Task {
                await insist("job \(token.job) could not be given back") { () throws(JobStoreError) in
                    try await backlog.release(token, as: .unspent)
                }
                backlog.bell.ring()
                crew.settlePending(token)
            }
        }
    }

    /// Notes progress; learns from the answer whether to go on.
    private func tell(progress partsDone: Int, of token: ClaimToken) async {
        do {
            follow(try await backlog.reportProgress(token, partsDone: partsDone), of: token)
        } catch {
            logger.warning("progress of job \(token.job) could not be noted: \(error)")
        }
    }

    /// Writes an end: the work is done and would be lost.
    private func tell(_ outcome: JobOutcome, of token: ClaimToken, timings: JobTimings?) async {
        await insist("the end of job \(token.job) could not be written") { () throws(JobStoreError) in
            try await backlog.complete(token, with: outcome, timings: timings)
        }
    }

    /// Tells the store something again and again while it fails: without that a job would be running for ever. Once the
    /// process leaves, the next one does it again.
    private func insist(
        _ failure: @autoclosure () -> String, _ tell: () async throws(JobStoreError) -> Void
    ) async {
        var pauses = [Duration.milliseconds(100), .milliseconds(500), .seconds(2)].makeIterator()
        var tries = 0
        while true {
            do {
                return try await tell()
            } catch {
                tries += 1
                logger.error("\(failure()): \(error)")
                if tries >= 5, !crew.isClaiming { return }
                try? await backlog.clock.sleep(until: backlog.clock.now + (pauses.next() ?? .seconds(5)))
            }
        }
    }
}
