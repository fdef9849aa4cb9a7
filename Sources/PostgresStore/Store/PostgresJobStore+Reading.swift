public import Jobs
import Payloads
import Platform

extension PostgresJobStore {
    /// For how long an ended job is to be seen.
    var ttl: Value { .int(settings.resultTTL.wholeNanoseconds) }

    /// Whether somebody has to be told of a job that has ended.
    static func isAwaited(_ table: String) -> String {
        """
        (EXISTS (SELECT 1 FROM callbacks AS n WHERE n.job = \(table).id)
            OR EXISTS (SELECT 1 FROM alerts AS n WHERE n.job = \(table).id AND n.due IS NOT NULL))
        """
    }

    /// Whether a job is still to be seen: not ended, or not so long ago, or somebody has to be told of it.
    static func isShown(_ table: String, ttl: Int) -> String {
        """
        (\(table).ended IS NULL OR \(table).ended > t.now - $\(ttl)::int8
            OR \(isAwaited(table)))
        """
    }

    /// The job, unless it has expired.
    public func job(_ id: JobID) async throws(JobStoreError) -> Job? {
        let job = try await call(isRepeatable: true) { [self] session throws(PostgresError) in
            try storedJob(id, on: session)
        }
        guard let job else { return nil }
        return try await placed([job]).first
    }

    func storedJob(_ id: JobID, on session: Session) throws(PostgresError) -> Job? {
        try row(id, on: session)?.job
    }

    private func row(_ id: JobID, on session: Session) throws(PostgresError) -> JobRow? {
        let rows = try session.run(
            """
            WITH \(StoreTime.table) SELECT \(JobRow.columns(of: "j")) FROM t, jobs AS j
            WHERE j.id = $4::bytea AND \(Self.isShown("j", ttl: 3))
            """, time.values + [ttl, .id(id)])
        return try rows.first.map { row throws(PostgresError) in try JobRow(row) }
    }

    /// The jobs with their places in the queue. Where these were looked up a moment ago, they are of that moment.
    func placed(_ jobs: [Job]) async throws(JobStoreError) -> [Job] {
        guard jobs.contains(where: { !$0.status.isEnded }) else { return jobs }
        let new = try await liveView()
        return view.withLock { view in
            jobs.map { job in
                if job.status == .queued, view?.table.records[job.id] == nil {
                    // It came after that moment: until the next look it stands where it would have then.
                    let record = JobRecord(
                        job: job, input: nil, outputEstimate: 0, insertedAt: clock.now, overdueAt: nil)
                    view?.table.add(record)
                }
                return (view ?? new).placed(job)
            }
        }
    }

    /// The same of jobs that something was done with already: as they are, where nobody can say where they stand.
    func placedIfKnown(_ jobs: [Job]) async -> [Job] { (try? await placed(jobs)) ?? jobs }

    /// Where jobs stand, as it was looked up lately: the more there are the less often.
    func liveView() async throws(JobStoreError) -> LiveView {
        let known = view.withLock { view -> LiveView? in
            guard let view, MonotonicTime.now - view.at < max(settings.viewAge, view.took * 20) else { return nil }
            return view
        }
        if settings.viewAge > .zero, let known { return known }
        let (time, models, table) = (time, models, table)
        let new = try await call(isRepeatable: true) { session throws(PostgresError) in
            try LiveView.read(session, time, served: models, settings: table)
        }
        view.withLock { $0 = new }
        return new
    }

    /// What this server changes is not what it looked up.
    func forgetView() { if settings.viewAge == .zero { view.withLock { $0 = nil } } }

    /// Whose a job is that can't be read otherwise.
    public func ownerOfDamaged(_ id: JobID) async throws(JobStoreError) -> String? {
        try await call(isRepeatable: true) { session throws(PostgresError) in
            try session.run("SELECT owner FROM jobs WHERE id = $1::bytea", [.id(id)]).first?.optionalText(0)
        }
    }

    /// The output, checked against what was stored.
    public func output(_ id: JobID, fetching: Bool) async throws(JobStoreError) -> JobOutput? {
        try await call(isRepeatable: true) { [self] session throws(PostgresError) -> JobOutput? in
            guard let row = try row(id, on: session), row.job.status == .succeeded else { return nil }
            var body: [UInt8] = []
            let bytes = row.job.outputBytes ?? 0
            var piece = 0
            while body.count < bytes {
                let rows = try session.run(
                    "SELECT body FROM results WHERE job = $1::bytea AND token = $2::int8 AND piece = $3::int8",
                    [.id(id), .int(row.token), .int(piece)])
                guard let next = try rows.first?.bytes(0), body.count + next.count <= bytes else {
                    // That of one that was deleted or has expired meanwhile is rightly gone.
                    guard try storedJob(id, on: session) != nil else { return nil }
                    throw .store(.damaged(id, "its result is not there"))
                }
                body += next
                piece += 1
            }
            guard BodyDigest.of(body) == row.outputSHA256 else {
                throw .store(.damaged(id, "its result is not the one that was stored: its SHA-256 differs"))
            }
            return JobOutput(body: body)
        }
    }

    /// A page of jobs.
    public func list(
        _ filter: JobFilter, limit: Int, before cursor: JobID?
    ) async throws(JobStoreError) -> [Job] {
        guard limit > 0 else { return [] }
        var values = time.values + [ttl]
        var conditions = [Self.isShown("j", ttl: 3)]
        func require(_ condition: (String) -> String, _ value: Value) {
            values.append(value)
            conditions.append(condition("$\(values.count)"))
        }
        if let status = filter.status { require({ "j.status = \($0)::int8" }, .int(StatusCode[status])) }
        if let batch = filter.batch { require({ "j.batch = \($0)::bytea" }, .id(batch.jobID)) }
        if let client = filter.client { require({ "j.client = \($0)::bytea" }, .text(client)) }
        if let owner = filter.owner { require({ "j.owner = \($0)::bytea" }, .text(owner)) }
        if let model = filter.model { require({ "j.model = \($0)::bytea" }, .text(model)) }
        if let digits = filter.modelDigits {
            let length = digits.utf8.count
            require({ "substr(j.model_sha256, 1, \(length)) = \($0)::bytea" }, .text(digits))
        }
        if let from = filter.from { require({ "j.id >= \($0)::bytea" }, .id(JobID.first(at: from))) }
        if let until = filter.until { require({ "j.id < \($0)::bytea" }, .id(JobID.first(at: until))) }
        if let cursor { require({ "j.id < \($0)::bytea" }, .id(cursor)) }
        let sql = """
            WITH \(StoreTime.table) SELECT \(JobRow.columns(of: "j")) FROM t, jobs AS j
            WHERE \(conditions.joined(separator: " AND ")) ORDER BY j.id DESC LIMIT \(min(limit, 1_000_000))
            """
        let all = values
        let jobs = try await call(isRepeatable: true) { session throws(PostgresError) in
            try session.run(sql, all).map { row throws(PostgresError) in try JobRow(row).job }
        }
        return try await placed(jobs)
    }

    /// A batch, unless all of it has expired.
    public func batch(_ id: BatchID) async throws(JobStoreError) -> Batch? {
        let values = time.values + [ttl, .id(id.jobID)]
        let jobs = try await call(isRepeatable: true) { session throws(PostgresError) in
            try session.run(
                """
                WITH \(StoreTime.table) SELECT \(JobRow.columns(of: "j")) FROM t, jobs AS j
                WHERE j.batch = $4::bytea AND \(Self.isShown("j", ttl: 3)) ORDER BY j.place
                """, values
            ).map { row throws(PostgresError) in try JobRow(row).job }
        }
        return jobs.isEmpty ? nil : Batch(id: id, jobs: try await placed(jobs))
    }

    /// Throws where the database can't be reached, or takes no writes.
    public func checkWritable() async throws(JobStoreError) {
        let looks = settings.requiresSynchronous ? [Standbys.look] : []
        let (isReadOnly, standbys) = try await call(on: looker, isRepeatable: true) { session throws(PostgresError) in
            let answers = try session.run(
                [Statement("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'")] + looks)
            return (try answers[0].first?.bool(0) ?? true, looks.isEmpty ? nil : try Standbys(answers[1]))
        }
        if let standbys { note(standbys) }
        if isReadOnly { throw .unavailable("the database takes no writes: it is a standby, or set so") }
        if let fault = standbys?.fault { throw .unavailable(fault) }
    }

    /// Throws the same, by what was found out in the last seconds.
    public func checkTakes() async throws(JobStoreError) {
        if settings.requiresSynchronous {
            guard let fault = lackOfStandby else { return try await checkWritable() }
            if !fault.isEmpty { throw .unavailable(fault) }
        }
        if MonotonicTime.now - max(pool.lastGood, keeper.lastGood, looker.lastGood) < .seconds(2) { return }
        try await checkWritable()
    }

    /// What the store holds.
    public func counts() async throws(JobStoreError) -> JobCounts {
        var counts = try await liveView().table.counts()
        let ended = try await endedCounts()
        for (status, count) in ended {
            switch status {
            case .succeeded: counts.succeeded = count.jobs
            case .failed: counts.failed = count.jobs
            case .cancelled: counts.cancelled = count.jobs
            case .queued, .running: break
            }
            counts.endedBytes += count.bytes
        }
        return counts
    }

    /// What the store holds, by priority and model.
    public func census() async throws(JobStoreError) -> QueueCensus? {
        var census = try await liveView().table.census(now: clock.now)
        for (status, count) in try await endedCounts() { census.jobs[status] = count.jobs }
        return census
    }

    /// How many jobs have ended, as they were counted lately: the more there are the less often.
    private func endedCounts() async throws(JobStoreError) -> [JobStatus: (jobs: Int, bytes: Int)] {
        let began = MonotonicTime.now
        let known = own.withLock { own -> EndedCounts? in
            guard let known = own.ended, began - known.at < max(settings.viewAge * 4, known.took * 50) else {
                return nil
            }
            return known
        }
        if settings.viewAge > .zero, let known { return known.counts }
        let counts = try await countEnded()
        own.withLock { $0.ended = EndedCounts(counts: counts, at: .now, took: .now - began) }
        return counts
    }

    private func countEnded() async throws(JobStoreError) -> [JobStatus: (jobs: Int, bytes: Int)] {
        let values = time.values + [ttl]
        return try await call(isRepeatable: true) { session throws(PostgresError) in
            var counts: [JobStatus: (jobs: Int, bytes: Int)] = [:]
            let rows = try session.run(
                """
                WITH \(StoreTime.table)
                SELECT j.status, count(*), sum(coalesce(j.output_bytes, 0) + 1024)::int8 FROM t, jobs AS j
                WHERE j.status >= 2 AND \(Self.isShown("j", ttl: 3)) GROUP BY j.status
                """, values)
            for index in 0..<rows.count {
                guard let status = StatusCode.status(try rows[index].count(0)) else { continue }
                counts[status] = (try rows[index].count(1), try rows[index].count(2))
            }
            return counts
        }
    }
}
