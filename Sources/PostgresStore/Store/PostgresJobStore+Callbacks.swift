public import Jobs
import Platform

extension PostgresJobStore {
    /// How long a note that was taken is nobody else's.
    private static let noteLease: Int64 = 120_000_000_000
    private static let mostNotes = 10_000

    private struct Due: Sendable {
        let job: JobID
        let url: String
        let receiver: String
        let tries: Int
        let ended: Int64
    }

    /// Notes that are due and have room. Who takes one at the same time as another has it, or not: the row says so.
    public func takeCallbacks(
        limit: Int, within room: CallbackRoom
    ) async throws(JobStoreError) -> [CallbackNote] {
        guard limit > 0 else { return [] }
        let (time, clock) = (time, clock)
        let taken = try await call { session throws(PostgresError) -> [CallbackNote] in
            let rows = try session.run([
                Statement("SELECT set_config('jit', 'off', true)"),
                Statement(Self.dueNotes, time.values + [.int(min(limit, 1_000_000))]),
            ])[1]
            let due = try rows.map { row throws(PostgresError) in
                Due(
                    job: try row.id(0), url: try row.text(1), receiver: try row.text(2), tries: try row.count(3),
                    ended: try row.int(4))
            }
            let fitting = room.fitting(due, limit: limit) { ($0.receiver, $0.tries > 0) }
            guard !fitting.isEmpty else { return [] }
            let asked = clock.now
            let jobs = try session.run(
                """
                WITH \(StoreTime.table), taken AS (
                    UPDATE callbacks AS c SET tries = c.tries + 1, failed = true, due = t.now + $5::int8
                    FROM t, unnest($3::bytea[], $4::int8[]) AS a (job, tries)
                    WHERE c.job = a.job AND c.tries = a.tries AND c.due <= t.now RETURNING c.job, t.now
                )
                SELECT \(JobRow.columns(of: "j")), taken.now FROM taken JOIN jobs AS j ON j.id = taken.job
                """,
                time.values + [
                    .ids(fitting.map(\.job)), .ints(fitting.map { Int64($0.tries) }), .int(Self.noteLease),
                ])
            var found: [JobID: (job: Job, now: Int64)] = [:]
            for index in 0..<jobs.count {
                let row = jobs[index]
                found[try row.id(0)] = (try JobRow(row).job, try row.int(JobRow.count))
            }
            return fitting.compactMap { note in
                guard let (job, now) = found[note.job] else { return nil }
                let age = asked - Moment(stored: now, own: asked).own(note.ended)
                return CallbackNote(job: job, url: note.url, tries: note.tries + 1, age: max(age, .zero))
            }
        }
        own.withLock { own in
            // Those that others have taken over since are looked for no more.
            if own.notes.count > Self.mostNotes { own.notes = [:] }
            for note in taken { own.notes[note.job.id] = note.tries }
        }
        return taken
    }

    /// The first notes that are due of each receiver, with those that failed before by themselves. From one receiver to the next
    /// is one step in the index.
    private static let dueNotes = """
        WITH RECURSIVE \(StoreTime.table), lines (receiver, failed) AS (
            (SELECT receiver, failed FROM callbacks ORDER BY receiver, failed LIMIT 1)
            UNION ALL
            SELECT n.receiver, n.failed FROM lines AS l CROSS JOIN LATERAL (
                SELECT c.receiver, c.failed FROM callbacks AS c WHERE (c.receiver, c.failed) > (l.receiver, l.failed)
                ORDER BY c.receiver, c.failed LIMIT 1
            ) AS n
        )
        SELECT d.job, d.url, d.receiver, d.tries, d.ended FROM t, lines AS l CROSS JOIN LATERAL (
            SELECT c.* FROM callbacks AS c
            WHERE c.receiver = l.receiver AND c.failed = l.failed AND c.due <= (SELECT now FROM t)
            ORDER BY c.due, c.job LIMIT $3::int8
        ) AS d ORDER BY d.due, d.job
        """

    /// What came of a note, unless another server has tried it since.
    public func settleCallback(of job: JobID, _ verdict: CallbackVerdict) async throws(JobStoreError) {
        guard let tries = own.withLock({ $0.notes[job] }) else { return }
        let time = time
        let sql: String
        var values: [Value] = [.id(job), .int(tries)]
        switch verdict {
        case .settled: sql = "DELETE FROM callbacks WHERE job = $1::bytea AND tries = $2::int8"
        case .retry(let delay):
            values = time.values + values + [.int(delay.wholeNanoseconds)]
            sql = """
                WITH \(StoreTime.table) UPDATE callbacks AS c SET due = t.now + $5::int8 FROM t
                WHERE c.job = $3::bytea AND c.tries = $4::int8
                """
        case .untried:
            values = time.values + values + [.int(CallbackVerdict.soon.wholeNanoseconds)]
            sql = """
                WITH \(StoreTime.table) UPDATE callbacks AS c
                SET due = t.now + $5::int8, tries = c.tries - 1, failed = c.tries > 1 FROM t
                WHERE c.job = $3::bytea AND c.tries = $4::int8
                """
        }
        let all = values
        let changed = try await call(isRepeatable: true) { session throws(PostgresError) in
            try session.run(sql, all).affected
        }
        own.withLock { own in
            if case .retry = verdict { return }
            own.notes[job] = nil
            if case .settled = verdict { own.waitingCallbacks -= changed }
        }
    }
}
