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
        let read = await readTogether(rows)
        var claimed: [ClaimedJob] = []
        var problem: JobStoreError?
        for row in rows {
            let record = row.record(at: moment, serialKinds: settings.serialKinds)
            do throws(JobStoreError) {
                let input: JobBody
                if let known = read[row.job.id] { input = known } else { input = try await self.input(of: row) }
                if let job = ClaimedJob(record, input: input, now: moment.own) {
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
        let claiming = Statement(
            Self.claiming,
            time.values + models.values.prefix(2) + [
                .int(secrets.count), .int(max(min(limit.long, secrets.count), 0)), .int(limit.parts),
                .int(limit.least), .ints(secrets), .int(settings.lease.wholeNanoseconds), .bool(isBegun),
                .int(max(min(limit.serial, secrets.count), 0)),
            ], isKept: true)
        guard let rows = try session.run([claiming]).first else { throw .unreadable("no answer came") }
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

    /// By what has its plan ready (``Functions``).
    private static let claiming = """
        SELECT \(JobRow.columns(of: "(c.j)")), c.claimed_at FROM vigil_claim_1($1::int8, $2::int8, $3::bool, $4::bytea[],
            $5::int8, $6::int8, $7::int8, $8::int8, $9::int8[], $10::int8, $11::bool, $12::int8) AS c
        """

    /// The inputs of claimed jobs that did not come to this server, as far as they are small, in one trip. What is missing, or is
    /// not what was stored, is for ``input(of:)`` to say.
    private func readTogether(_ rows: [JobRow]) async -> [JobID: JobBody] {
        var left = Self.mostReadTogether
        var sources: [JobID: [JobRow]] = [:]
        for row in rows where row.input.stored <= Self.pieceBytes && !inputs.holds(row.job.id) {
            guard row.input.stored <= left else { break }
            left -= row.input.stored
            sources[row.source, default: []].append(row)
        }
        guard sources.count > 1 else { return [:] }
        let found = try? await pool.run(bytes: Self.mostReadTogether, isRepeatable: true) {
            [sources] session throws(PostgresError) in
            let answer = try session.run(
                "SELECT job, body FROM payloads WHERE job = ANY ($1::bytea[]) AND piece = 0", [.ids(sources.keys)])
            var inputs: [JobID: JobBody] = [:]
            for index in 0..<answer.count {
                let body = try answer[index].bytes(1)
                for row in sources[try answer[index].id(0)] ?? [] where row.input.stored == body.count {
                    inputs[row.job.id] = try? Self.decode(body, of: row)
                }
            }
            return inputs
        }
        return found ?? [:]
    }

    private static let mostReadTogether = 16 << 20

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
        return try decode(body, of: row)
    }

    private static func decode(_ body: [UInt8], of row: JobRow) throws(PostgresError) -> JobBody {
        let id = row.job.id
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
        let begun = BegunJobs(store: self)
        own.withLock { own in
            own.hasWorkLog = true
            own.begun = begun
        }
        return begun
    }

    /// Notes that workers have begun with jobs.
    func noteBegun(_ ids: [JobID]) async {
        _ = try? await keeper.run(isRepeatable: true) { session throws(PostgresError) in
            try session.run([BegunJobs.inOrder(ids), BegunJobs.note(of: ids)])
        }
    }
}
