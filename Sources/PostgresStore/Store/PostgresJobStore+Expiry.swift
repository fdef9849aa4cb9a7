public import Jobs
import Platform

extension PostgresJobStore {
    /// How many jobs are seen to in one transaction, so that nobody waits long for it.
    private static let mostAtOnce = 500
    private static let housekeeping = Duration.seconds(60)

    /// Gives back what is nobody's, ends what is too late, and removes what has expired. Of servers that do so at once each has
    /// other jobs.
    public func expire() async throws(JobStoreError) -> Expired {
        try checkCommits()
        var expired = Expired()
        do throws(PostgresError) {
            try await heartbeat()
            expired.lapsed = try await lapse()
            expired.overdue = try await endOverdue()
            if models.missing == .fail { expired.overdue += try await endUnwanted() }
            while case let removed = try await removeExpired(), removed > 0 {
                expired.removed += removed
                if removed < Self.mostAtOnce { break }
            }
            try await keepHouse()
        } catch {
            // What was committed is told.
            if expired.lapsed.isEmpty, expired.overdue.isEmpty, expired.removed == 0 { throw error.told }
            logger.warning("not all that has expired could be seen to", metadata: ["error": "\(error.reason)"])
        }
        expired.overdue += own.withLock { own in
            defer { own.overdue = [] }
            return own.overdue
        }
        for job in expired.overdue + expired.lapsed {
            _ = noted(job)
            if job.status.isEnded { _ = inputs.take(job.id) }
        }
        forgetView()
        guard expired.lapsed.contains(where: { !$0.status.isEnded }) else { return expired }
        expired.lapsed = await placedIfKnown(expired.lapsed)
        return expired
    }

    /// The jobs whose claims have run out. One that was merely in hand has lost no attempt, unless that happens again and again.
    private func lapse() async throws(PostgresError) -> [Job] {
        let (time, attempts) = (time, settings.attempts)
        let failure = JobFailure.outOfAttempts(attempts)
        return try await keeper.run { session throws(PostgresError) in
            let isOver = """
                (CASE WHEN j.begun THEN j.attempt - j.strikes >= $3::int8 ELSE j.attempt >= 4 * $3::int8 END)
                """
            return try session.run(
                """
                WITH \(StoreTime.table), gone AS (
                    SELECT j.id FROM jobs AS j, t WHERE j.status = 1 AND j.lease_end <= t.now
                    ORDER BY j.id LIMIT $4::int8 FOR UPDATE OF j SKIP LOCKED
                ), given AS (
                    UPDATE jobs AS j SET \(Self.givenBack(isOver: isOver)),
                        strikes = j.strikes + CASE WHEN j.begun THEN 0 ELSE 1 END,
                        lapsed = CASE WHEN j.cancel_requested OR \(isOver) THEN NULL ELSE j.token END,
                        failure_reason = CASE WHEN NOT j.cancel_requested AND \(isOver) THEN $5::bytea END,
                        failure_detail = CASE WHEN NOT j.cancel_requested AND \(isOver) THEN $6::bytea END
                    FROM gone AS g, t WHERE j.id = g.id RETURNING j.*
                ), \(Self.notes(of: "given"))
                SELECT \(JobRow.columns(of: "given")) FROM given
                """,
                time.values + [
                    .int(attempts), .int(Self.mostAtOnce), .text(failure.reason), .text(failure.detail),
                ]
            ).map { row throws(PostgresError) in try JobRow(row).job }
        }
    }

    private func endOverdue() async throws(PostgresError) -> [Job] {
        try await fail(.deadlinePassed, where: "j.status = 0 AND j.overdue <= t.now", [])
    }

    /// Ends the queued jobs whose model no server serves, where that is asked for.
    private func endUnwanted() async throws(PostgresError) -> [Job] {
        let (time, models) = (time, models)
        let waiting = try await keeper.run(isRepeatable: true) { session throws(PostgresError) in
            try session.run(
                """
                WITH \(StoreTime.table) SELECT DISTINCT j.model, j.model_sha256 FROM t, jobs AS j
                WHERE j.status = 0 AND NOT \(OwnModels.isServed("j", every: 3, own: 4, lease: 5, ofKind: false))
                """, time.values + models.values
            ).map { row throws(PostgresError) in ModelID(name: try row.text(0), sha256: try row.optionalText(1)) }
        }
        var ended: [Job] = []
        for model in waiting {
            ended += try await fail(
                .otherModel(than: model, served: models.models),
                where: """
                    j.status = 0 AND j.model = $9::bytea AND j.model_sha256 IS NOT DISTINCT FROM $10::bytea
                    AND NOT \(OwnModels.isServed("j", every: 3, own: 4, lease: 5, ofKind: false))
                    """, [.text(model.name), .text(model.sha256)])
        }
        return ended
    }

    /// Ends queued jobs as failed.
    private func fail(
        _ failure: JobFailure, where condition: String, _ values: [Value]
    ) async throws(PostgresError) -> [Job] {
        let (time, models) = (time, models)
        return try await keeper.run { [self] session throws(PostgresError) in
            let rows = try session.run(
                """
                WITH \(StoreTime.table), late AS (
                    SELECT j.id FROM t, jobs AS j WHERE \(condition) ORDER BY j.id LIMIT $8::int8
                    FOR UPDATE OF j SKIP LOCKED
                ), failed AS (
                    UPDATE jobs AS j SET status = 3, finished_at = t.wall, ended = t.now, lapsed = NULL,
                        failure_reason = $6::bytea, failure_detail = $7::bytea, revision = j.revision + 1
                    FROM late AS l, t WHERE j.id = l.id
                    RETURNING j.*, \(OwnModels.isServed("j", every: 3, own: 4, lease: 5)) AS served
                ), \(Self.notes(of: "failed"))
                SELECT \(JobRow.columns(of: "f")), f.served FROM failed AS f
                """,
                time.values + models.values + [
                    .text(failure.reason), .text(failure.detail), .int(Self.mostAtOnce),
                ] + values)
            var jobs: [Job] = []
            var shared: [JobID] = []
            for index in 0..<rows.count {
                let row = try JobRow(rows[index])
                var job = row.job
                job.isModelMissing = try !rows[index].bool(JobRow.count)
                jobs.append(job)
                if row.isShared { shared.append(job.id) }
            }
            let billed = try passOnBills(of: shared, on: session)
            for index in jobs.indices where billed.contains(jobs[index].id) { jobs[index].inputBytes = 0 }
            return jobs
        }
    }

    private func removeExpired() async throws(PostgresError) -> Int {
        let awaited = Value.int(CallbackNote.longest.wholeNanoseconds)
        let values = time.values + [ttl, awaited, .int(Self.mostAtOnce)]
        let (removed, notes, alerts) = try await keeper.run { session throws(PostgresError) in
            let row = try session.run(
                """
                WITH \(StoreTime.table), old AS (
                    SELECT j.id FROM t, jobs AS j WHERE j.ended <= t.now - $3::int8
                    AND (j.ended <= t.now - $4::int8 OR NOT \(Self.isAwaited("j")))
                    LIMIT $5::int8 FOR UPDATE OF j SKIP LOCKED
                ), gone AS (
                    DELETE FROM jobs AS j USING old WHERE j.id = old.id RETURNING j.id, j.batch
                ), \(Self.removal)
                SELECT \(Self.removed)
                """, values
            ).first
            return (try row?.count(0) ?? 0, try row?.count(1) ?? 0, try row?.count(2) ?? 0)
        }
        removedNotes(notes, alerts)
        return removed
    }

    /// Now and then makes the partitions that will be needed, drops those that are not, forgets servers that have gone and lines
    /// that nobody stands in, and counts what others have counted.
    private func keepHouse() async throws(PostgresError) {
        let now = clock.now
        let isDue = own.withLock { own in
            guard now >= own.nextHousekeeping else { return false }
            own.nextHousekeeping = now + Self.housekeeping + .milliseconds(Int.random(in: 0...30_000))
            return true
        }
        guard isDue else { return }
        let (time, uploadTTL, lease) = (time, settings.uploadTTL, settings.lease)
        let madeBytes = settings.madeBytes
        let (waiting, wall) = try await keeper.run { session throws(PostgresError) in
            let answers = try session.run([
                Statement("WITH \(StoreTime.table) SELECT wall FROM t", time.values),
                Self.waiting,
                Statement(
                    "WITH \(StoreTime.table) DELETE FROM servers AS s USING t WHERE s.seen < t.now - 10 * $3::int8",
                    time.values + [.int(lease.wholeNanoseconds)]),
                Statement("SELECT lane FROM lanes ORDER BY lane FOR UPDATE"),
                Statement(
                    """
                    DELETE FROM lines AS g USING lanes AS l WHERE g.lane = l.lane AND g.tag <= l.served AND NOT EXISTS (
                        SELECT 1 FROM jobs AS j WHERE j.status = 0 AND j.lane = g.lane AND j.client = g.client)
                    """),
            ])
            let wall = WallTime(milliseconds: try answers[0].first?.int(0) ?? time.clock.wall.milliseconds)
            let partitions = Partitions(session: session)
            try partitions.make(at: wall)
            try partitions.drop(at: wall, uploadTTL: uploadTTL)
            try FileTables.tidy(session, time, at: wall, madeBytes: madeBytes)
            return (try Self.counts(answers[1]), wall)
        }
        own.withLock { own in
            (own.waitingCallbacks, own.waitingAlerts) = (waiting[0], waiting[1])
            if !time.isGiven { own.wallOffset = wall.milliseconds - clock.wall.milliseconds }
        }
    }
}
