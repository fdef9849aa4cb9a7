public import Jobs
import Payloads
import Platform

extension PostgresJobStore {
    /// More jobs are claimed by further calls.
    private static let mostClaimed = 1_024

    /// Takes jobs of this server's models out of the queue, and reads their inputs. A job whose input is damaged fails, by name.
    public func claim(_ limit: ClaimLimit) async throws(JobStoreError) -> [ClaimedJob] {
        guard limit.jobs > 0 else { return [] }
        try checkCommits()
        let secrets = random.withLock { random in
            (0..<min(limit.jobs, Self.mostClaimed)).map { _ in Int64(bitPattern: random.next() as UInt64) }
        }
        let (rows, moment) = try await call { [self] session throws(PostgresError) in
            try claimRows(limit, secrets, on: session)
        }
        forgetView()
        var claimed: [ClaimedJob] = []
        var problem: JobStoreError?
        for row in rows {
            let record = row.record(at: moment, serialKinds: settings.serialKinds)
            do throws(JobStoreError) {
                if let job = ClaimedJob(record, input: try await input(of: row), now: moment.own) {
                    claimed.append(job)
                }
            } catch {
                problem = error
                await giveUp(record, error)
            }
        }
        if claimed.isEmpty, let problem, case .unavailable = problem { throw problem }
        return claimed
    }

    private func claimRows(
        _ limit: ClaimLimit, _ secrets: [Int64], on session: Session
    ) throws(PostgresError) -> (rows: [JobRow], moment: Moment) {
        let models = models
        let asked = clock.now
        let isBegun = own.withLock { !$0.hasWorkLog }
        let answers = try session.run([
            // Each statement sees what was committed before it begins, so that this one is apart from the next. To compile that
            // one takes PostgreSQL a thousand times as long as to run it.
            Statement("SELECT set_config('jit', 'off', true), lane FROM lanes ORDER BY lane FOR UPDATE"),
            Statement(
                Self.claiming,
                time.values + models.values.prefix(2) + [
                    .int(secrets.count), .int(max(min(limit.long, secrets.count), 0)), .int(limit.parts),
                    .int(limit.least), .ints(secrets), .int(settings.lease.wholeNanoseconds), .bool(isBegun),
                    .int(max(min(limit.serial, secrets.count), 0)),
                ]),
        ])
        let rows = answers[1]
        guard let first = rows.first else { return ([], Moment(stored: 0, own: asked)) }
        // The claims of one call are of one moment; what this server reckons from it begins before, not after.
        let moment = Moment(stored: try first.int(JobRow.count), own: asked)
        var jobs = try rows.map { row throws(PostgresError) in try JobRow(row) }
        let shared = jobs.filter { $0.isShared && $0.job.inputBytes > 0 }.map(\.job.id)
        let billed = try passOnBills(of: shared, on: session)
        for index in jobs.indices where billed.contains(jobs[index].job.id) { jobs[index].job.inputBytes = 0 }
        return (jobs, moment)
    }

    /// Has queued jobs that have the same input billed for these ones' part of it; says which of these it was.
    func passOnBills(of ids: [JobID], on session: Session) throws(PostgresError) -> Set<JobID> {
        guard !ids.isEmpty else { return [] }
        let rows = try session.run(
            """
            WITH \(StoreTime.table), gone AS (
                SELECT id, source, input_bytes FROM jobs WHERE id = ANY ($6::bytea[]) AND input_bytes > 0 AND status <> 0
                ORDER BY id FOR UPDATE
            ), heirs AS (
                SELECT DISTINCT ON (j.source) j.source, j.id, g.bytes FROM t,
                    (SELECT source, sum(input_bytes)::int8 AS bytes FROM gone GROUP BY source) AS g
                    JOIN jobs AS j ON j.source = g.source
                WHERE j.status = 0 AND j.batch IS NOT NULL AND \(OwnModels.isServed("j", every: 3, own: 4, lease: 5))
                ORDER BY j.source, j.id
            ), billed AS (
                UPDATE jobs AS j SET input_bytes = j.input_bytes + h.bytes FROM heirs AS h WHERE j.id = h.id
                RETURNING j.source
            )
            UPDATE jobs AS j SET input_bytes = 0 FROM gone AS g JOIN billed AS b ON b.source = g.source
            WHERE j.id = g.id RETURNING j.id
            """, time.values + models.values + [.ids(ids)])
        return Set(try rows.map { row throws(PostgresError) in try row.id(0) })
    }

    /// The jobs whose turn it is, by ``FairQueue``'s rules: the first of each client's line, and of these by their lines' tags.
    ///
    /// Only as many lines are looked at as jobs are claimed, those whose first jobs go first, and as many of each: whatever is
    /// behind these has as many before it. A line that comes to be has the tag that was served last.
    private static let claiming = """
        WITH RECURSIVE \(StoreTime.table), clients (lane, client) AS (
            SELECT l.lane, f.client FROM lanes AS l CROSS JOIN LATERAL (
                SELECT j.client FROM jobs AS j WHERE j.status = 0 AND j.lane = l.lane ORDER BY j.client LIMIT 1
            ) AS f
            UNION ALL
            SELECT c.lane, n.client FROM clients AS c CROSS JOIN LATERAL (
                SELECT j.client FROM jobs AS j WHERE j.status = 0 AND j.lane = c.lane AND j.client > c.client
                ORDER BY j.client LIMIT 1
            ) AS n
        ), heads AS (
            SELECT c.lane, c.client, greatest(coalesce(g.tag, l.served), l.served) AS line_tag, row_number() OVER (
                    PARTITION BY c.lane
                    ORDER BY greatest(coalesce(g.tag, l.served), l.served), h.priority DESC, h.id
                ) AS number
            FROM clients AS c JOIN lanes AS l USING (lane)
                LEFT JOIN lines AS g ON g.lane = c.lane AND g.client = c.client
                CROSS JOIN LATERAL (
                    SELECT j.id, j.priority FROM jobs AS j
                    WHERE j.status = 0 AND j.lane = c.lane AND j.client = c.client
                    AND \(OwnModels.isOwn("j", every: 3, own: 4))
                    AND (j.overdue IS NULL OR j.overdue > (SELECT now FROM t))
                    ORDER BY j.turn, j.id LIMIT 1
                ) AS h
        ), firsts AS (
            SELECT h.lane, h.client, h.line_tag, q.*,
                q.parts::int8 * CASE q.priority WHEN 2 THEN 1 WHEN 1 THEN 4 ELSE 16 END AS cost
            FROM heads AS h CROSS JOIN LATERAL (
                SELECT j.id, j.turn, j.parts, j.priority FROM jobs AS j
                WHERE j.status = 0 AND j.lane = h.lane AND j.client = h.client
                AND \(OwnModels.isOwn("j", every: 3, own: 4))
                AND (j.overdue IS NULL OR j.overdue > (SELECT now FROM t))
                ORDER BY j.turn, j.id LIMIT CASE h.lane WHEN 1 THEN $6::int8 WHEN 2 THEN $12::int8 ELSE $5::int8 END
            ) AS q WHERE h.number <= $5::int8
        ), turns AS (
            SELECT *, line_tag + (sum(cost) OVER (PARTITION BY lane, client ORDER BY turn, id))::int8 - cost AS tag
            FROM firsts
        ), long AS (
            SELECT *, row_number() OVER (ORDER BY tag, priority DESC, id) AS number FROM turns WHERE lane = 1
            ORDER BY number LIMIT $6::int8
        ), serial AS (
            SELECT *, row_number() OVER (ORDER BY tag, priority DESC, id) AS number FROM turns WHERE lane = 2
            ORDER BY number LIMIT greatest($12::int8 - (SELECT count(*) FROM long), 0)
        ), apart AS (
            SELECT (SELECT count(*) FROM long) AS long, (SELECT count(*) FROM long) + (SELECT count(*) FROM serial) AS both
        ), short AS (
            SELECT *, bool_and(number <= $8::int8 OR load <= $7::int8) OVER (ORDER BY number) AS fits FROM (
                SELECT *, row_number() OVER w AS number, sum(parts) OVER w AS load FROM turns WHERE lane = 0
                WINDOW w AS (ORDER BY tag, priority DESC, id)
            ) AS s
        ), chosen AS (
            SELECT id, tag, cost, number FROM long
            UNION ALL
            SELECT s.id, s.tag, s.cost, s.number + a.long FROM serial AS s, apart AS a
            UNION ALL
            SELECT s.id, s.tag, s.cost, s.number + a.both FROM short AS s, apart AS a
            WHERE s.fits AND s.number + a.both <= $5::int8
        ), claimed AS (
            UPDATE jobs AS j SET status = 1, attempt = j.attempt + 1, started_at = t.wall, parts_done = 0,
                token = ($9::int8[])[c.number], lapsed = NULL, lease_end = t.now + $10::int8, begun = $11::bool,
                revision = j.revision + 1
            FROM chosen AS c, t WHERE j.id = c.id AND j.status = 0
            RETURNING j.*, t.now AS claimed_at, c.number, c.tag, c.cost
        ), served AS (
            UPDATE lanes AS l SET served = greatest(l.served, c.tag)
            FROM (SELECT lane, max(tag) AS tag FROM claimed GROUP BY lane) AS c WHERE l.lane = c.lane
        ), tagged AS (
            INSERT INTO lines (lane, client, tag)
            SELECT lane, client, max(tag + cost) FROM claimed GROUP BY lane, client
            ON CONFLICT (lane, client) DO UPDATE SET tag = excluded.tag
        )
        SELECT \(JobRow.columns(of: "claimed")), claimed.claimed_at FROM claimed ORDER BY claimed.number
        """

    /// The input, checked against what was stored.
    private func input(of row: JobRow) async throws(JobStoreError) -> JobBody {
        if let input = inputs.take(row.job.id) { return input }
        do throws(PostgresError) {
            return try await pool.run(bytes: row.input.stored, isRepeatable: true) { session throws(PostgresError) in
                try Self.readInput(of: row, on: session)
            }
        } catch { throw error.told }
    }

    /// What a job is about, for as long as it is kept.
    public func input(of job: Job) async throws(JobStoreError) -> JobBody? {
        let id = job.id
        if let input = inputs.look(at: id) { return input }
        let values = time.values + [.int(settings.uploadTTL.wholeNanoseconds), .id(id)]
        return try await call(isRepeatable: true) { session throws(PostgresError) -> JobBody? in
            let sql = """
                WITH \(StoreTime.table) SELECT \(JobRow.columns(of: "j")) FROM t, jobs AS j
                WHERE j.id = $4::bytea AND (j.ended IS NULL OR j.ended > t.now - $3::int8)
                """
            guard let row = try session.run(sql, values).first else { return nil }
            do throws(PostgresError) { return try Self.readInput(of: try JobRow(row), on: session) } catch {
                // What has ended meanwhile, or was kept its time, is rightly gone.
                if case .store(.damaged) = error, try session.run(sql, values).first == nil { return nil }
                throw error
            }
        }
    }

    private static func readInput(of row: JobRow, on session: Session) throws(PostgresError) -> JobBody {
        let id = row.job.id
        var body: [UInt8] = []
        // No more room is made than the row says, and that is bounded by what was taken.
        body.reserveCapacity(row.input.stored)
        var piece = 0
        while body.count < row.input.stored {
            let rows = try session.run(
                "SELECT body FROM payloads WHERE job = $1::bytea AND piece = $2::int8", [.id(row.source), .int(piece)])
            guard let bytes = try rows.first?.bytes(0), body.count + bytes.count <= row.input.stored else {
                throw .store(.damaged(id, "its input is not there"))
            }
            body += bytes
            piece += 1
        }
        guard BodyDigest.of(body, subject: row.job.subject.bytes) == row.input.sha256 else {
            throw .store(.damaged(id, "its input is not the one that was stored: its SHA-256 differs"))
        }
        guard let form = PayloadForm(rawValue: row.input.form),
            let input = form.decode(body, plain: row.input.plain, areFloats: row.input.areFloats)
        else { throw .store(.damaged(id, "its input can't be read")) }
        return input
    }

    /// Ends a job whose input is damaged, and says so; one that can't be read now goes back to the queue.
    private func giveUp(_ record: JobRecord, _ error: JobStoreError) async {
        guard let token = record.holder else { return }
        logger.error("the input of a job can't be read", metadata: ["job": "\(record.job.id)", "error": "\(error)"])
        do throws(JobStoreError) {
            guard case .damaged = error else {
                _ = try await release(token, as: .unspent)
                return
            }
            let failure = JobFailure(reason: "damaged-job", detail: error.told)
            if let job = try await complete(token, with: .failed(failure), timings: nil) {
                own.withLock { $0.overdue.append(job) }
            }
        } catch {
            // Its claim runs out.
            logger.error("a job can't be given back", metadata: ["job": "\(record.job.id)", "error": "\(error)"])
        }
    }
}

// MARK: What was begun

extension PostgresJobStore {
    /// Workers note what they begin with, so that jobs which were merely in hand when a server ended have lost no attempt.
    public func workLog(workers: Int) -> (any WorkLog)? {
        own.withLock { $0.hasWorkLog = true }
        return BegunJobs(store: self)
    }

    /// Notes that workers have begun with jobs.
    func noteBegun(_ ids: [JobID]) async {
        _ = try? await keeper.run(isRepeatable: true) { session throws(PostgresError) in
            try session.run(
                "UPDATE jobs SET begun = true WHERE id = ANY ($1::bytea[]) AND status = 1 AND NOT begun", [.ids(ids)])
        }
    }
}
