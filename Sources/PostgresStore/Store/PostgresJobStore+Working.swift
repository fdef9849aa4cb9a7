public import Jobs
import Platform

extension PostgresJobStore {
    /// Lets claims last.
    public func renew(_ tokens: [ClaimToken]) async throws(JobStoreError) -> [Renewal] {
        guard !tokens.isEmpty else { return [] }
        try checkCommits()
        let (time, lease) = (time, settings.lease)
        let models = models
        let rows = try await call(on: keeper, isRepeatable: true) { session throws(PostgresError) in
            try session.run(
                """
                WITH \(StoreTime.table), held AS (
                    SELECT j.id, j.status AS was, a.token AS asked FROM jobs AS j
                    JOIN unnest($6::bytea[], $7::int8[]) AS a (id, token) ON a.id = j.id
                    WHERE (j.status = 1 AND j.token = a.token) OR (j.status = 0 AND j.lapsed = a.token)
                    ORDER BY j.id FOR UPDATE OF j
                ), renewed AS (
                    UPDATE jobs AS j SET lease_end = t.now + $8::int8, status = 1, token = h.asked, lapsed = NULL,
                        started_at = CASE h.was WHEN 0 THEN t.wall ELSE j.started_at END,
                        revision = j.revision + CASE h.was WHEN 0 THEN 1 ELSE 0 END
                    FROM held AS h, t WHERE j.id = h.id
                    RETURNING j.*, h.was, \(OwnModels.isServed("j", every: 3, own: 4, lease: 5)) AS served
                )
                SELECT \(JobRow.columns(of: "r")), r.was, r.served FROM renewed AS r
                """,
                time.values + models.values + [
                    .ids(tokens.map(\.job)), .ints(tokens.map(\.stored)), .int(lease.wholeNanoseconds),
                ]
            ).map { row throws(PostgresError) in
                (
                    row: try JobRow(row), wasQueued: try row.int(JobRow.count) == 0,
                    isServed: try row.bool(JobRow.count + 1)
                )
            }
        }
        var found: [ClaimToken: Renewal] = [:]
        for (row, wasQueued, isServed) in rows {
            guard let token = row.token else { continue }
            var job = row.job
            job.isRegained = wasQueued
            job.isModelMissing = wasQueued && !isServed
            found[ClaimToken(job: job.id, secret: UInt64(bitPattern: token))] = Renewal(
                row.isCancelRequested ? .cancelRequested : .held, regained: wasQueued ? job : nil)
            if wasQueued { forgetView() }
        }
        return tokens.map { found[$0] ?? Renewal(.lost) }
    }

    /// Notes progress; of a job whose parts take but milliseconds a few times a second, since nobody looks more often and each
    /// time is a transaction.
    public func reportProgress(
        _ token: ClaimToken, partsDone: Int
    ) async throws(JobStoreError) -> ClaimStanding {
        if areCommitsHeld { return .held }
        let now = MonotonicTime.now
        let known = own.withLock { own -> ClaimStanding? in
            if let told = own.progress[token], told.isTelling || now - told.at < settings.viewAge {
                return told.standing
            }
            own.progress[token, default: ToldProgress(at: now)].isTelling = true
            own.progress[token]?.at = now
            return nil
        }
        if let known { return known }
        do throws(JobStoreError) {
            let standing = try await note(partsDone, of: token)
            own.withLock { own in
                own.progress[token]?.isTelling = false
                own.progress[token]?.standing = standing
                if standing == .lost { own.progress[token] = nil }
            }
            return standing
        } catch {
            own.withLock { $0.progress[token]?.isTelling = false }
            throw error
        }
    }

    private func note(_ partsDone: Int, of token: ClaimToken) async throws(JobStoreError) -> ClaimStanding {
        defer { forgetView() }
        return try await call(isRepeatable: true) { session throws(PostgresError) in
            let rows = try session.run(
                """
                WITH done AS (
                    UPDATE jobs SET parts_done = least($3::int8, parts), revision = revision + 1
                    WHERE id = $1::bytea AND status = 1 AND token = $2::int8 AND least($3::int8, parts) > parts_done
                )
                SELECT status, token, lapsed, cancel_requested FROM jobs WHERE id = $1::bytea
                """, [.id(token.job), .int(token.stored), .int(min(partsDone, Int(Int32.max)))])
            guard let row = rows.first else { return .lost }
            let (isRunning, holder) = (try row.int(0) == 1, try row.optionalInt(1))
            let lapsed = try row.optionalInt(2)
            // The next renewal takes it back.
            if !isRunning, lapsed == token.stored { return .held }
            guard isRunning, holder == token.stored else { return .lost }
            return try row.bool(3) ? .cancelRequested : .held
        }
    }

    /// Ends a job, and commits its output.
    public func complete(
        _ token: ClaimToken, with outcome: JobOutcome, timings: JobTimings?
    ) async throws(JobStoreError) -> Job? {
        try checkCommits()
        defer { forgetView() }
        _ = inputs.take(token.job)
        let begun = own.withLock { own in
            own.progress[token] = nil
            return own.begun
        }
        begun?.forget(token.job)
        let ending = Ending(token: token, outcome: outcome, timings: timings)
        do throws(PostgresError) {
            var isUnknown = false
            if ending.bytes <= ends.mostBytes {
                switch await endTogether(ending) {
                case .success(let job): return job.map(noted)
                // What was refused to all of them may be one's fault.
                case .failure(.refused): break
                case .failure(let error):
                    guard !error.isUnsent else { throw error }
                    isUnknown = true
                }
            }
            return try await endAlone(ending, isUnknown: isUnknown).map(noted)
        } catch { throw error.told }
    }

    /// Ends a job by itself.
    ///
    /// - Parameter isUnknown: whether it may have been ended already, when the connection broke
    private func endAlone(_ ending: Ending, isUnknown: Bool) async throws(PostgresError) -> Job? {
        let (time, models, token) = (time, models, ending.token)
        var isUnknown = isUnknown
        while true {
            if isUnknown {
                // An end by this very claim is known.
                let known = try await pool.run(isRepeatable: true) { session throws(PostgresError) in
                    try session.run(
                        """
                        SELECT \(JobRow.columns(of: "j")) FROM jobs AS j
                        WHERE j.id = $1::bytea AND j.token = $2::int8 AND j.status >= 2
                        """, [.id(token.job), .int(token.stored)]
                    ).first.map { row throws(PostgresError) in try JobRow(row).job }
                }
                if let known { return known }
            }
            do throws(PostgresError) {
                return try await pool.run(bytes: ending.bytes) { session throws(PostgresError) in
                    try ending.run(session, time, models)
                }
            } catch {
                guard !error.isUnsent, !isUnknown else { throw error }
                isUnknown = true
            }
        }
    }

    /// Counts the note of a job's end, if there is one.
    func noted(_ job: Job) -> Job {
        if job.status.isEnded, job.callback != nil || !job.alerts.isEmpty {
            own.withLock { own in
                if job.callback != nil { own.waitingCallbacks += 1 }
                own.waitingAlerts += job.alerts.count
            }
        }
        return job
    }

    /// Gives a claim back.
    public func release(_ token: ClaimToken, as release: Release) async throws(JobStoreError) -> Job? {
        let (time, attempts) = (time, settings.attempts)
        var failure = JobFailure.outOfAttempts(attempts)
        if case .interrupted(let reason) = release { failure = .outOfAttempts(attempts, because: reason) }
        let isSpent = release != .unspent
        let values: [Value] = [.text(failure.reason), .text(failure.detail)]
        own.withLock { $0.progress[token] = nil }
        forgetView()
        let found = try await call { session throws(PostgresError) in
            let rows = try session.run(
                """
                WITH \(StoreTime.table), given AS (
                    UPDATE jobs AS j SET \(Self.givenBack(isOver: "$5::bool AND j.attempt - j.strikes >= $6::int8")),
                        attempt = j.attempt - CASE
                            WHEN j.cancel_requested OR $5::bool THEN 0 ELSE 1 END,
                        failure_reason = CASE
                            WHEN NOT j.cancel_requested AND $5::bool AND j.attempt - j.strikes >= $6::int8
                            THEN $7::bytea END,
                        failure_detail = CASE
                            WHEN NOT j.cancel_requested AND $5::bool AND j.attempt - j.strikes >= $6::int8
                            THEN $8::bytea END,
                        lapsed = NULL
                    FROM t WHERE j.id = $3::bytea AND j.status = 1 AND j.token = $4::int8 RETURNING j.*
                ), \(Self.notes(of: "given"))
                SELECT \(JobRow.columns(of: "given")) FROM given
                """,
                time.values + [
                    .id(token.job), .int(token.stored), .bool(isSpent), .int(attempts),
                ] + values)
            return try rows.first.map { row throws(PostgresError) in try JobRow(row).job }
        }
        guard let found else { return nil }
        return await placedIfKnown([noted(found)]).first
    }

    /// What is set of a job whose claim comes to nothing: it is queued again, or ends.
    ///
    /// - Parameter isOver: whether it has had its last attempt
    static func givenBack(isOver: String) -> String {
        let ends = "(j.cancel_requested OR \(isOver))"
        return """
            status = CASE WHEN j.cancel_requested THEN 4 WHEN \(isOver) THEN 3 ELSE 0 END,
            token = CASE WHEN \(ends) THEN j.token END, lease_end = NULL,
            finished_at = CASE WHEN \(ends) THEN t.wall END, ended = CASE WHEN \(ends) THEN t.now END,
            started_at = CASE WHEN \(ends) THEN j.started_at END,
            parts_done = CASE WHEN \(ends) THEN j.parts_done ELSE 0 END, revision = j.revision + 1
            """
    }

    /// Makes the notes of those of some jobs that have ended and have somebody to tell, or the server's own places.
    static func notes(of jobs: String) -> String {
        """
        notes AS (
            INSERT INTO callbacks (job, url, receiver, ended, due)
            SELECT id, callback, receiver, ended, ended FROM \(jobs) WHERE callback IS NOT NULL AND status >= 2
        ), places AS (
            INSERT INTO alerts (job, place, ended, due)
            SELECT e.id, p.place, e.ended, e.ended FROM \(jobs) AS e, unnest(e.alerts) AS p (place) WHERE e.status >= 2
            ON CONFLICT (job, place) DO UPDATE SET ended = excluded.ended, due = excluded.due
        )
        """
    }

    /// Cancels a job.
    public func cancel(_ id: JobID) async throws(JobStoreError) -> CancelOutcome {
        let time = time
        let models = models
        defer { forgetView() }
        let outcome = try await call(isRepeatable: true) { [self] session throws(PostgresError) -> CancelOutcome in
            let rows = try session.run(
                """
                WITH \(StoreTime.table), was AS (
                    SELECT id, status FROM jobs WHERE id = $6::bytea AND status <= 1 FOR UPDATE
                ), cancelled AS (
                    UPDATE jobs AS j SET status = CASE w.status WHEN 0 THEN 4 ELSE j.status END,
                        cancel_requested = w.status = 1,
                        finished_at = CASE w.status WHEN 0 THEN t.wall END,
                        ended = CASE w.status WHEN 0 THEN t.now END, lapsed = NULL,
                        revision = j.revision + CASE w.status WHEN 0 THEN 1 ELSE 0 END
                    FROM t, was AS w WHERE j.id = w.id
                    RETURNING j.*, \(OwnModels.isServed("j", every: 3, own: 4, lease: 5)) AS served
                ), \(Self.notes(of: "cancelled"))
                SELECT \(JobRow.columns(of: "c")), c.served FROM cancelled AS c
                """, time.values + models.values + [.id(id)])
            guard let first = rows.first else {
                return try storedJob(id, on: session).map { .alreadyEnded($0) } ?? .unknown
            }
            let row = try JobRow(first)
            var job = row.job
            guard job.status == .cancelled else { return .requested(job) }
            job.isModelMissing = try !first.bool(JobRow.count)
            if row.isShared, !(try passOnBills(of: [id], on: session)).isEmpty { job.inputBytes = 0 }
            return .cancelled(job)
        }
        switch outcome {
        case .cancelled(let job):
            _ = inputs.take(id)
            return .cancelled(noted(job))
        case .requested(let job):
            forgetView()
            return .requested(await placedIfKnown([job]).first ?? job)
        case .alreadyEnded, .damaged, .unknown: return outcome
        }
    }

    /// Removes an ended job with all that belongs to it.
    public func forget(_ id: JobID) async throws(JobStoreError) -> Bool {
        let values = time.values + [ttl, .id(id)]
        let (removed, notes, alerts) = try await call { session throws(PostgresError) in
            let row = try session.run(
                """
                WITH \(StoreTime.table), gone AS (
                    DELETE FROM jobs AS j USING t
                    WHERE j.id = $4::bytea AND j.status >= 2 AND \(Self.isShown("j", ttl: 3)) RETURNING j.id, j.batch
                ), \(Self.removal), bodies AS (
                    DELETE FROM payloads AS p USING gone WHERE p.job = $4::bytea AND NOT EXISTS (
                        SELECT 1 FROM jobs AS j WHERE j.source = $4::bytea AND j.batch = gone.batch AND j.status <= 1)
                ), results AS (
                    DELETE FROM results AS r USING gone WHERE r.job = $4::bytea
                )
                SELECT \(Self.removed)
                """, values
            ).first
            return (try row?.count(0) ?? 0, try row?.count(1) ?? 0, try row?.count(2) ?? 0)
        }
        removedNotes(notes, alerts)
        return removed > 0
    }

    /// Removes what belongs to jobs that have gone, `gone` with their IDs and batches. A key lives as long as the last job that it
    /// stands for.
    static let removal = """
        notes AS (DELETE FROM callbacks AS c USING gone WHERE c.job = gone.id RETURNING c.job),
        places AS (DELETE FROM alerts AS a USING gone WHERE a.job = gone.id RETURNING a.due),
        names AS (
            DELETE FROM keys AS k USING gone WHERE (k.batch IS NULL AND k.job = gone.id)
            OR (k.batch = gone.batch AND NOT EXISTS (
                SELECT 1 FROM jobs AS j WHERE j.batch = k.batch AND j.id NOT IN (SELECT id FROM gone)
            ))
        )
        """

    /// How many jobs have gone by that, callbacks, and notes for places.
    static let removed = """
        (SELECT count(*) FROM gone), (SELECT count(*) FROM notes), (SELECT count(due) FROM places)
        """

    func removedNotes(_ callbacks: Int, _ alerts: Int) {
        guard callbacks > 0 || alerts > 0 else { return }
        own.withLock { own in
            own.waitingCallbacks -= callbacks
            own.waitingAlerts -= alerts
        }
    }
}
