public import Jobs
import Platform

extension PostgresJobStore {
    /// How long a note that was taken is nobody else's.
    private static let noteLease: Int64 = 120_000_000_000

    /// Notes that a place has to be told of, the oldest and the newest, which are this server's for a while. What another is taking is
    /// left to it.
    public func takeAlerts(for place: String, limit: Int) async throws(JobStoreError) -> [AlertNote] {
        guard limit > 0 else { return [] }
        let clock = clock
        let newest = AlertNote.newest(of: min(limit, 1_000_000))
        let values =
            time.values + [
                .text(place), .int(min(limit, 1_000_000) - newest), .int(Self.noteLease), .int(newest),
            ]
        return try await call { session throws(PostgresError) in
            let asked = clock.now
            return try session.run(
                """
                WITH \(StoreTime.table), oldest AS (
                    SELECT a.job, a.due FROM alerts AS a, t WHERE a.place = $3::bytea AND a.due <= t.now
                    ORDER BY a.due, a.job LIMIT $4::int8 FOR UPDATE OF a SKIP LOCKED
                ), newest AS (
                    SELECT a.job, a.due FROM alerts AS a, t WHERE a.place = $3::bytea AND a.due <= t.now
                    ORDER BY a.job DESC LIMIT $6::int8 FOR UPDATE OF a SKIP LOCKED
                ), first AS (
                    SELECT job, due FROM oldest UNION SELECT job, due FROM newest
                ), taken AS (
                    UPDATE alerts AS a SET tries = a.tries + 1, due = t.now + $5::int8 FROM first AS f, t
                    WHERE a.job = f.job AND a.place = $3::bytea
                    RETURNING a.job, a.tries, t.now - a.ended AS age, f.due AS was
                )
                SELECT \(JobRow.columns(of: "j")), k.tries, k.age FROM taken AS k JOIN jobs AS j ON j.id = k.job
                ORDER BY k.was, k.job
                """, values
            ).map { row throws(PostgresError) in
                // What that took is part of it.
                let age = Duration.nanoseconds(try row.int(JobRow.count + 1)) + (clock.now - asked)
                return AlertNote(
                    job: try JobRow(row).job, place: place, tries: try row.count(JobRow.count), age: max(age, .zero))
            }
        }
    }

    /// What came of a note.
    public func settleAlert(
        of job: JobID, for place: String, _ verdict: CallbackVerdict
    ) async throws(JobStoreError) {
        let sql: String
        var values = time.values + [.id(job), .text(place)]
        switch verdict {
        case .settled:
            values = [.id(job), .text(place)]
            sql = "DELETE FROM alerts WHERE job = $1::bytea AND place = $2::bytea AND due IS NOT NULL"
        case .retry(let delay):
            values.append(.int(delay.wholeNanoseconds))
            sql = """
                WITH \(StoreTime.table) UPDATE alerts AS a SET due = t.now + $5::int8 FROM t
                WHERE a.job = $3::bytea AND a.place = $4::bytea AND a.due IS NOT NULL
                """
        case .untried:
            values.append(.int(CallbackVerdict.soon.wholeNanoseconds))
            sql = """
                WITH \(StoreTime.table) UPDATE alerts AS a SET due = t.now + $5::int8, tries = greatest(a.tries - 1, 0)
                FROM t WHERE a.job = $3::bytea AND a.place = $4::bytea AND a.due IS NOT NULL
                """
        }
        let all = values
        let changed = try await call(isRepeatable: true) { session throws(PostgresError) in
            try session.run(sql, all).affected
        }
        if case .settled = verdict { own.withLock { $0.waitingAlerts -= changed } }
    }

    /// How far a place was told.
    public func alertMark(of job: JobID, for place: String) async throws(JobStoreError) -> [UInt8]? {
        try await call(isRepeatable: true) { session throws(PostgresError) in
            try session.run(
                "SELECT mark FROM alerts WHERE job = $1::bytea AND place = $2::bytea", [.id(job), .text(place)]
            ).first?.optionalBytes(0)
        }
    }

    /// Keeps how far a place was told: beside its note, or by itself where the job has not ended. The job's row is held meanwhile, so
    /// that it can't end in between.
    public func setAlertMark(_ mark: [UInt8], of job: JobID, for place: String) async throws(JobStoreError) {
        _ = try await call(isRepeatable: true) { session throws(PostgresError) in
            try session.run([
                Statement("SELECT 1 FROM jobs WHERE id = $1::bytea FOR SHARE", [.id(job)]),
                Statement(
                    """
                    INSERT INTO alerts AS a (job, place, mark)
                    SELECT id, $2::bytea, $3::bytea FROM jobs WHERE id = $1::bytea AND (status <= 1 OR EXISTS (
                        SELECT 1 FROM alerts AS k WHERE k.job = $1::bytea AND k.place = $2::bytea))
                    ON CONFLICT (job, place) DO UPDATE SET mark = excluded.mark
                    """, [.id(job), .text(place), .blob(mark)]),
            ])
        }
    }
}

// MARK: What people put beside jobs

extension PostgresJobStore {
    /// What was put beside a job that is to be seen.
    public func remarks(_ id: JobID) async throws(JobStoreError) -> JobRemarks? {
        let values = time.values + [ttl, .id(id)]
        return try await call(isRepeatable: true) { session throws(PostgresError) in
            try Self.remarks(values, on: session)
        }
    }

    private static func remarks(_ values: [Value], on session: Session) throws(PostgresError) -> JobRemarks? {
        try session.run(
            """
            WITH \(StoreTime.table) SELECT r.bytes, r.revision FROM t, remarks AS r JOIN jobs AS j ON j.id = r.job
            WHERE r.job = $4::bytea AND \(isShown("j", ttl: 3))
            """, values
        ).first.map { row throws(PostgresError) in JobRemarks(try row.bytes(0), revision: try row.count(1)) }
    }

    /// Puts bytes beside a job that has ended; whoever comes second with the same revision changes nothing.
    public func remark(
        _ id: JobID, _ bytes: [UInt8], over revision: Int
    ) async throws(JobStoreError) -> RemarkOutcome {
        let values = time.values + [ttl, .id(id)]
        // What is no revision is that of none.
        let over = (0..<Int(Int32.max)).contains(revision) ? revision : -1
        return try await call { session throws(PostgresError) -> RemarkOutcome in
            let row = try session.run(
                """
                WITH \(StoreTime.table), ended AS (
                    SELECT j.id FROM jobs AS j, t WHERE j.id = $4::bytea AND j.status >= 2 AND \(Self.isShown("j", ttl: 3))
                ), kept AS (
                    INSERT INTO remarks AS r (job, revision, bytes)
                    SELECT id, greatest($5::int8, 0) + 1, $6::bytea FROM ended
                    WHERE $5::int8 = 0 OR EXISTS (SELECT 1 FROM remarks AS k WHERE k.job = $4::bytea)
                    ON CONFLICT (job) DO UPDATE SET revision = excluded.revision, bytes = excluded.bytes
                    WHERE r.revision = $5::int8 RETURNING 1
                )
                SELECT (SELECT count(*) FROM ended), (SELECT count(*) FROM kept)
                """, values + [.int(over), .blob(bytes)]
            ).first
            guard try row?.int(0) == 1 else { return .unknown }
            guard try row?.int(1) == 1 else { return .changed(try Self.remarks(values, on: session)) }
            return .kept(JobRemarks(bytes, revision: revision + 1))
        }
    }
}
