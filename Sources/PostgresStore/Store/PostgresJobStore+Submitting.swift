public import Jobs
import Payloads
import Platform

extension PostgresJobStore {
    /// A job that is handed in, as it is stored.
    private struct Handed: Sendable {
        var job: Job
        let new: NewJob
        /// The job whose input it has; nil where nobody else has it.
        var source: JobID?
    }

    /// An input in the form in which it is stored.
    private struct Coded {
        let form: PayloadForm
        let bytes: Int
        let sha256: [UInt8]
    }

    /// The bytes of one piece of an input or a result.
    static let pieceBytes = 4 << 20

    /// A body in such pieces, by their numbers from `first` on, each of which is copied when it is asked for.
    static func pieces(of body: [UInt8], from first: Int = 0) -> some Sequence<(piece: Int, bytes: [UInt8])> {
        stride(from: first * pieceBytes, to: body.count, by: pieceBytes).lazy.map { start in
            (piece: start / pieceBytes, bytes: Array(body[start..<min(start + pieceBytes, body.count)]))
        }
    }

    /// Commits jobs with their inputs.
    public func submit(_ submission: Submission) async throws(JobStoreError) -> Receipt {
        try checkStandby()
        let (batch, handed) = prepare(submission, at: wall)
        for job in handed { inputs.put(job.new.input, of: job.job.id) }
        let bytes = submission.jobs.reduce(0) { $0 + $1.billedBytes }
        let receipt: Receipt
        do throws(PostgresError) {
            if try await commitTogether(submission, handed, batch, bytes: bytes) {
                receipt = Receipt(jobs: handed.map(\.job), batch: batch, origin: .new)
            } else {
                receipt = try await pool.run(bytes: bytes) { [self] session throws(PostgresError) in
                    let receipt = try submit(submission, handed, batch, on: session)
                    // Another's answer may be here and not yet on the standby.
                    if receipt.origin != .new, settings.requiresSynchronous {
                        _ = try session.run([Standbys.demand, Standbys.confirmation])
                    }
                    try confirm(on: session)
                    return receipt
                }
            }
        } catch {
            // That there is such a job already is said where it was committed and nobody could say so.
            guard !error.isUnsent || error.state == PostgresError.uniqueViolation, await isThere(handed) else {
                for job in handed { _ = inputs.take(job.job.id) }
                throw error.told
            }
            receipt = Receipt(jobs: handed.map(\.job), batch: batch, origin: .new)
        }
        // They are there whether or not anybody can say where in the queue.
        let jobs = await placedIfKnown(receipt.jobs)
        if receipt.origin == .new { return Receipt(jobs: jobs, batch: batch, origin: .new) }
        for job in handed { _ = inputs.take(job.job.id) }
        return Receipt(jobs: jobs, batch: receipt.batch, origin: receipt.origin)
    }

    /// Commits jobs in one transaction with others', where they are small and nobody has to look first at what is there.
    ///
    /// - Returns: whether that was done; where it was refused to all of them, each goes by itself
    private func commitTogether(
        _ submission: Submission, _ handed: [Handed], _ batch: BatchID?, bytes: Int
    ) async throws(PostgresError) -> Bool {
        guard submission.key == nil, submission.reuseKey == nil, submission.account == nil,
            handed.count <= 8, bytes <= submissions.mostBytes,
            handed.allSatisfy({ $0.new.file == nil })
        else { return false }
        let shared = SharedSubmission(bytes: bytes) { [self] in insertions(submission, handed, batch) }
        switch await submitTogether(shared) {
        case .success: return true
        case .failure(.refused): return false
        case .failure(let error): throw error
        }
    }

    private func prepare(_ submission: Submission, at wall: WallTime) -> (batch: BatchID?, handed: [Handed]) {
        let models = models.models
        let (batch, ids) = random.withLock { random in
            own.withLock { own in
                let batch = submission.isBatch ? BatchID(own.generator.next(at: wall, using: &random)) : nil
                return (batch, submission.jobs.map { _ in own.generator.next(at: wall, using: &random) })
            }
        }
        var handed: [Handed] = []
        for (id, new) in zip(ids, submission.jobs) {
            var job = Job(new, id: id, createdAt: wall, batch: batch)
            job.modelSHA256 = job.modelSHA256 ?? models.digest(for: job.modelID)
            var next = Handed(job: job, new: new)
            // Jobs of one input for several models come one after another.
            if let last = handed.last, last.new.subject === new.subject {
                next.source = last.source ?? last.job.id
                handed[handed.count - 1].source = next.source
            }
            handed.append(next)
        }
        return (batch, handed)
    }

    private func submit(
        _ submission: Submission, _ handed: [Handed], _ batch: BatchID?, on session: Session
    ) throws(PostgresError) -> Receipt {
        var statements: [Statement] = []
        var tries = 0
        while true {
            if let known = try answer(to: submission, on: session) {
                guard known.origin == .reused, let key = submission.key, let job = known.jobs.first else {
                    return known
                }
                _ = try session.run([stale(key), insertion(of: key, job.id, batch: nil, isShared: true)])
                return known
            }
            if statements.isEmpty {
                statements = demands + insertions(submission, handed, batch)
            }
            do throws(PostgresError) {
                _ = try session.run(statements)
                return Receipt(jobs: handed.map(\.job), batch: batch, origin: .new)
            } catch {
                tries += 1
                guard tries < 4 else { throw error }
                switch error.state {
                case PostgresError.uniqueViolation where submission.key != nil:
                    // Another submission came first with the same key: its jobs are the answer.
                    continue
                case PostgresError.checkViolation where tries == 1:
                    try Partitions(session: session).make(at: handed.first?.job.createdAt ?? wall)
                case PostgresError.divisionByZero, PostgresError.numberOutOfRange:
                    guard let account = submission.account else { throw error }
                    let used = try usage(of: account.name, on: session)
                    do throws(QuotaExcess) { _ = try account.charged(used, for: submission, at: wall) } catch {
                        throw .store(.overQuota(error))
                    }
                default: throw error
                }
            }
        }
    }

    private func insertions(
        _ submission: Submission, _ handed: [Handed], _ batch: BatchID?
    ) -> [Statement] {
        var statements: [Statement] = []
        if let key = submission.key, let first = handed.first {
            statements += [stale(key), insertion(of: key, first.job.id, batch: batch, isShared: false)]
        }
        if let account = submission.account { statements += charge(account, submission) }
        var input = Coded(form: .plain, bytes: 0, sha256: [])
        for (place, job) in handed.enumerated() {
            let ownsInput = job.source.map { $0 == job.job.id } ?? true
            if let file = job.new.file { statements.append(FileTables.use(of: file, by: job.job.id)) }
            guard ownsInput else {
                statements.append(insertion(of: job, place: place, input, nil))
                continue
            }
            let (form, body) = PayloadForm.encode(job.new.input)
            input = Coded(
                form: form, bytes: body.count, sha256: BodyDigest.of(body, subject: job.job.subject.bytes))
            let first = body.count <= Self.pieceBytes ? body : Array(body.prefix(Self.pieceBytes))
            statements.append(insertion(of: job, place: place, input, body.isEmpty ? nil : first))
            for (piece, bytes) in Self.pieces(of: body, from: 1) {
                statements.append(
                    Statement(
                        "INSERT INTO payloads (job, piece, body) VALUES ($1::bytea, $2::int8, $3::bytea)",
                        [.id(job.job.id), .int(piece), .blob(bytes)]))
            }
        }
        return statements
    }

    /// - Parameter piece: the first piece of its input, where nobody else has that
    private func insertion(of handed: Handed, place: Int, _ input: Coded, _ piece: [UInt8]?) -> Statement {
        let (job, new) = (handed.job, handed.new)
        let isSerial = settings.serialKinds.contains { $0.hasBytes(of: job.kind) }
        let lane = ClaimLimit.Lane(parts: job.parts, isSerial: isSerial)
        let headStart = Int64(job.priority.rawValue) * table.headStart.wholeNanoseconds
        return Statement(
            Self.submitting,
            time.values.prefix(1) + [
                .id(job.id), .int(job.priority.rawValue), .int(LaneCode[lane]), .int(job.parts), .int(place),
                .int(headStart),
                .int(new.deadline.map { min($0.wholeNanoseconds, .max / 4) }), .int(job.inputBytes),
                .int(job.createdAt.milliseconds), .int(job.deadline?.milliseconds), .int(input.form.rawValue),
                .bool(new.input.floats != nil), .int(new.input.count), .int(input.bytes), .text(job.client),
                .text(job.model), .text(job.modelSHA256), .text(job.owner), .id(job.batch?.jobID), .id(handed.source),
                .text(job.kind), .text(job.name), .text(job.callback), .text(job.callback.map(CallbackNote.receiver)),
                .text(job.trace), .text(new.ownReuseKey), .blob(input.sha256), .blob(job.subject.bytes),
                .texts(job.alerts), .blob(piece),
            ], isKept: true)
    }

    /// By what has its plan ready (``Functions``).
    private static let submitting = """
        SELECT vigil_submit_1($1::int8, $2::bytea, $3::int8, $4::int8, $5::int8, $6::int8, $7::int8, $8::int8, $9::int8,
            $10::int8, $11::int8, $12::int8, $13::bool, $14::int8, $15::int8, $16::bytea, $17::bytea, $18::bytea,
            $19::bytea, $20::bytea, $21::bytea, $22::bytea, $23::bytea, $24::bytea, $25::bytea, $26::bytea, $27::bytea,
            $28::bytea, $29::bytea, $30::bytea[], $31::bytea)
        """

    /// Whether jobs were committed though the connection broke before anybody said so.
    private func isThere(_ handed: [Handed]) async -> Bool {
        guard let first = handed.first?.job.id else { return false }
        let end = MonotonicTime.now + ConnectionPool.patience
        for _ in 0..<8 where MonotonicTime.now < end {
            let found = try? await pool.run { [self] session throws(PostgresError) in
                let rows = try session.run([
                    Statement("SELECT 1 FROM jobs WHERE id = $1::bytea", [.id(first)]), Standbys.confirmation,
                ])[0]
                try confirm(on: session)
                return rows.count
            }
            if let found { return found > 0 }
            // The database is away; who waits for the answer is told so soon.
            try? await Task.sleep(for: .milliseconds(Int.random(in: 100...400)))
        }
        return false
    }
}

// MARK: Keys and equal jobs

extension PostgresJobStore {
    /// The jobs that answer for a submission already.
    private func answer(to submission: Submission, on session: Session) throws(PostgresError) -> Receipt? {
        if let key = submission.key {
            let rows = try session.run(
                """
                WITH \(StoreTime.table) SELECT \(JobRow.columns(of: "j")), k.fingerprint, k.batch
                FROM t, keys AS k JOIN jobs AS j ON j.id = k.job OR j.batch = k.batch
                WHERE k.client = $4::bytea AND k.text = $5::bytea AND \(Self.isShown("j", ttl: 3))
                ORDER BY j.place
                """, time.values + [ttl, .text(key.client), .text(key.text)])
            if let first = rows.first {
                guard try first.bytes(JobRow.count) == Array(key.fingerprint.utf8) else {
                    throw .store(.keyReused(key.text))
                }
                let jobs = try rows.map { row throws(PostgresError) in try JobRow(row).job }
                let batch = try first.optionalID(JobRow.count + 1).map { BatchID($0) }
                return Receipt(jobs: jobs, batch: batch, origin: .replayed)
            }
        }
        guard let reuse = submission.reuseKey else { return nil }
        let rows = try session.run(
            """
            WITH \(StoreTime.table) SELECT \(JobRow.columns(of: "j")) FROM t, jobs AS j
            WHERE j.reuse_key = $4::bytea AND j.status = 2 AND j.ended > t.now - $3::int8 ORDER BY j.id DESC LIMIT 1
            """, time.values + [ttl, .text(reuse)])
        return try rows.first.map { row throws(PostgresError) in
            Receipt(jobs: [try JobRow(row).job], origin: .reused)
        }
    }

    /// Removes a key all of whose jobs have gone.
    private func stale(_ key: IdempotencyKey) -> Statement {
        Statement(
            """
            WITH \(StoreTime.table) DELETE FROM keys AS k USING t WHERE k.client = $4::bytea AND k.text = $5::bytea
            AND NOT EXISTS (
                SELECT 1 FROM jobs AS j WHERE (j.id = k.job OR j.batch = k.batch) AND \(Self.isShown("j", ttl: 3))
            )
            """, time.values + [ttl, .text(key.client), .text(key.text)])
    }

    /// - Parameter isShared: whether it is no matter that another came first
    private func insertion(of key: IdempotencyKey, _ job: JobID, batch: BatchID?, isShared: Bool) -> Statement {
        Statement(
            """
            INSERT INTO keys (client, text, fingerprint, job, batch)
            VALUES ($1::bytea, $2::bytea, $3::bytea, $4::bytea, $5::bytea)\(isShared ? " ON CONFLICT DO NOTHING" : "")
            """,
            [.text(key.client), .text(key.text), .text(key.fingerprint), .id(job), .id(batch?.jobID)])
    }
}

// MARK: What accounts hand in

extension PostgresJobStore {
    /// What an account has handed in.
    public func usage(of account: String) async throws(JobStoreError) -> DailyUsage? {
        try await call(isRepeatable: true) { [self] session throws(PostgresError) in
            try usage(of: account, on: session)
        }
    }

    private func usage(of account: String, on session: Session) throws(PostgresError) -> DailyUsage? {
        try session.run("SELECT day, jobs, bytes, units FROM usage WHERE account = $1::bytea", [.text(account)])
            .first.map { row throws(PostgresError) in
                DailyUsage(
                    day: try row.int(0), jobs: try row.count(1), bytes: try row.count(2), units: try row.count(3))
            }
    }

    /// Counts units that a job turned out to have. What another counts in meanwhile is looked at again.
    public func settle(
        _ units: Int, of account: Account, since day: Int64
    ) async throws(JobStoreError) -> QuotaExcess? {
        let wall = wall
        return try await call { [self] session throws(PostgresError) in
            while true {
                let known = try usage(of: account.name, on: session)
                let (next, excess) = account.settled(known, units: units, since: day, at: wall)
                let values: [Value] = [
                    .text(account.name), .int(next.day), .int(next.jobs), .int(next.bytes), .int(next.units),
                ]
                let changed: Rows
                if let known {
                    let before: [Value] = [
                        .int(known.day), .int(known.jobs), .int(known.bytes), .int(known.units),
                    ]
                    changed = try session.run(
                        """
                        UPDATE usage SET day = $2::int8, jobs = $3::int8, bytes = $4::int8, units = $5::int8
                        WHERE account = $1::bytea AND day = $6::int8 AND jobs = $7::int8 AND bytes = $8::int8
                        AND units = $9::int8
                        """, values + before)
                } else {
                    changed = try session.run(
                        """
                        INSERT INTO usage (account, day, jobs, bytes, units)
                        VALUES ($1::bytea, $2::int8, $3::int8, $4::int8, $5::int8) ON CONFLICT DO NOTHING
                        """, values)
                }
                if changed.affected == 1 { return excess }
            }
        }
    }

    /// Counts a submission in; a transaction in which that is beyond a bound fails by a division by zero, as one statement can't
    /// be made to depend on another's answer.
    private func charge(_ account: Account, _ submission: Submission) -> [Statement] {
        func sum(_ part: (NewJob) -> Int) -> Int {
            submission.jobs.reduce(0) { sum, job in
                let (total, isOver) = sum.addingReportingOverflow(part(job))
                return isOver ? .max : total
            }
        }
        let today = CalendarDate.day(ofMilliseconds: wall.milliseconds).daysSince1970
        let quota = account.quota
        return [
            // A clock that is set back over midnight gives no second day.
            Statement(
                """
                INSERT INTO usage AS u (account, day, jobs, bytes, units)
                VALUES ($1::bytea, $2::int8, $3::int8, $4::int8, $5::int8)
                ON CONFLICT (account) DO UPDATE SET
                    day = CASE WHEN u.day - excluded.day IN (0, 1) THEN u.day ELSE excluded.day END,
                    jobs = excluded.jobs + CASE WHEN u.day - excluded.day IN (0, 1) THEN u.jobs ELSE 0 END,
                    bytes = excluded.bytes + CASE WHEN u.day - excluded.day IN (0, 1) THEN u.bytes ELSE 0 END,
                    units = excluded.units + CASE WHEN u.day - excluded.day IN (0, 1) THEN u.units ELSE 0 END
                """,
                [
                    .text(account.name), .int(Int64(today)), .int(submission.jobs.count),
                    .int(sum { $0.billedBytes + $0.bytesElsewhere }),
                    .int(sum { $0.units }),
                ]),
            Statement(
                """
                SELECT 1 / (jobs <= $2::int8 AND bytes <= $3::int8 AND units <= $4::int8)::int4 FROM usage
                WHERE account = $1::bytea
                """,
                [
                    .text(account.name), .int(quota.jobs ?? .max), .int(quota.bytes ?? .max), .int(quota.units ?? .max),
                ]),
        ]
    }
}
