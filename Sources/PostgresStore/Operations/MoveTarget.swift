import Jobs
import Payloads
import Platform

/// A database that the jobs of a folder are moved to: each of them once, whatever ends the process, since how far that is stands
/// in the same transactions. What was written is read back in them, so that nothing is committed that is not what it was.
package struct MoveTarget: Sendable {
    /// How far a folder has been moved.
    package struct Progress: Sendable {
        /// The last job that was.
        package let last: JobID?
        package let jobs: Int
        package let isDone: Bool
    }

    private let pool: ConnectionPool
    private let headStart: Int64

    /// Connects, and brings the tables up to date.
    package init(_ place: ConnectionPlace, version: String) async throws(JobStoreError) {
        do throws(PostgresError) {
            try place.check()
            let pool = ConnectionPool(place, most: 1)
            self.pool = pool
            headStart =
                JobTable.Settings(resultTTL: .zero, resultBudgetBytes: .max, attempts: 1).headStart.wholeNanoseconds
            do throws(PostgresError) {
                _ = try await pool.run { session throws(PostgresError) in
                    try Migration(session: session, vigil: version).run()
                }
            } catch {
                pool.close()
                throw error
            }
        } catch { throw error.told }
    }

    package func close() { pool.close() }

    /// Begins with a folder, or goes on.
    ///
    /// - Parameter source: by which the folder is known here
    package func begin(_ source: [UInt8], folder: String) async throws(JobStoreError) -> Progress {
        try await call(bytes: 0) { session throws(PostgresError) in
            let row = try session.run([
                Statement(
                    "INSERT INTO copies (source, folder) VALUES ($1::bytea, $2::bytea) ON CONFLICT DO NOTHING",
                    [.blob(source), .text(folder)]),
                Statement("SELECT last, jobs, done FROM copies WHERE source = $1::bytea", [.blob(source)]),
            ])[1].first
            guard let row else { throw .unreadable("what was begun is not there") }
            return Progress(last: try row.optionalID(0), jobs: try row.count(1), isDone: try row.bool(2))
        }
    }

    /// Writes jobs, which come in the order of their IDs.
    ///
    /// - Parameter last: the one before them
    /// - Returns: how many were new here
    package func take(_ jobs: [MovedJob], after last: JobID?, of source: [UInt8]) async throws(JobStoreError) -> Int {
        guard let newest = jobs.last?.job.id else { return 0 }
        let headStart = headStart
        return try await call(bytes: jobs.reduce(0) { $0 + $1.bytes }) { session throws(PostgresError) in
            let partitions = Partitions(session: session)
            let known = Set(
                try session.run("SELECT id FROM jobs WHERE id = ANY ($1::bytea[])", [.ids(jobs.map(\.job.id))])
                    .map { row throws(PostgresError) in try row.id(0) })
            let new = jobs.filter { !known.contains($0.job.id) }
            var statements = [Self.step(source, from: last, to: newest, jobs: new.count)]
            var rows = MovedRows(headStart: headStart)
            for job in new { statements += rows.insertions(of: job) }
            statements += rows.checks()
            let times = Set(new.filter { $0.bytes > 0 }.map { $0.job.id.madeAt.milliseconds / 3_600_000 * 3_600_000 })
            var tries = 0
            while true {
                for time in times { try partitions.make(at: WallTime(milliseconds: time)) }
                do throws(PostgresError) {
                    _ = try session.run(statements)
                    return new.count
                } catch {
                    tries += 1
                    switch error.state {
                    // A server has dropped a partition which nothing was in yet.
                    case PostgresError.checkViolation where tries < 4: continue
                    case PostgresError.divisionByZero:
                        throw Self.unlike
                    case PostgresError.numberOutOfRange: throw Self.another
                    default: throw error
                    }
                }
            }
        }
    }

    /// The bytes of a file's parts, but for the last.
    package var partBytes: Int { FileTables.partBytes }

    /// Begins a file that jobs are about. It is nobody's before a job of it is taken.
    package func beginFile() async throws(JobStoreError) -> JobID {
        let time = StoreTime(by: SystemClock())
        var (generator, random) = (JobIDGenerator(), SystemRandom())
        let file = generator.next(at: time.clock.wall, using: &random)
        try await call(bytes: 0) { session throws(PostgresError) in try FileTables.begin(file, session, time) }
        return file
    }

    /// Writes a part of a file, and reads it back before it is kept.
    package func writePart(_ part: Int, _ bytes: [UInt8], of file: JobID) async throws(JobStoreError) {
        let time = StoreTime(by: SystemClock())
        let check = Statement(
            """
            SELECT 1 / (count(*) = 1)::int4 FROM file_parts
            WHERE file = $1::bytea AND part = $2::int8 AND sha256(body) = $3::bytea
            """, [.id(file), .int(part), .blob(BodyDigest.of(bytes))])
        try await call(bytes: bytes.count) { session throws(PostgresError) in
            do throws(PostgresError) {
                try FileTables.write(part, bytes, of: file, session, time, checks: [check])
            } catch {
                throw error.state == PostgresError.divisionByZero ? Self.unlike : error
            }
        }
    }

    /// Removes a file that no job has come of.
    package func discardFile(_ file: JobID) async {
        try? await call(bytes: 0) { session throws(PostgresError) in try FileTables.discard(file, session) }
    }

    /// Ends: counts in what accounts have handed in.
    package func finish(
        _ source: [UInt8], after last: JobID?, usage: [(account: String, usage: DailyUsage)]
    ) async throws(JobStoreError) {
        try await call(bytes: 0) { session throws(PostgresError) in
            var statements = [Self.step(source, from: last, to: last, jobs: 0, isDone: true)]
            for (account, usage) in usage {
                statements.append(
                    Statement(
                        """
                        INSERT INTO usage AS u (account, day, jobs, bytes, units)
                        VALUES ($1::bytea, $2::int8, $3::int8, $4::int8, $5::int8)
                        ON CONFLICT (account) DO UPDATE SET
                            jobs = u.jobs + excluded.jobs, bytes = u.bytes + excluded.bytes,
                            units = u.units + excluded.units
                        WHERE u.day = excluded.day
                        """,
                        [.text(account), .int(usage.day), .int(usage.jobs), .int(usage.bytes), .int(usage.units)]))
            }
            do throws(PostgresError) { _ = try session.run(statements) } catch {
                throw error.state == PostgresError.numberOutOfRange ? Self.another : error
            }
        }
    }

    /// Writes how far that is; a transaction in which another has done so meanwhile fails by a number that is too large.
    private static func step(
        _ source: [UInt8], from last: JobID?, to next: JobID?, jobs: Int, isDone: Bool = false
    ) -> Statement {
        Statement(
            """
            WITH one AS (
                UPDATE copies SET last = $3::bytea, jobs = jobs + $4::int8, done = $5::bool,
                    done_at = CASE WHEN $5::bool THEN clock_timestamp() END
                WHERE source = $1::bytea AND last IS NOT DISTINCT FROM $2::bytea AND NOT done RETURNING 1
            )
            SELECT (CASE count(*) WHEN 1 THEN 1 ELSE 3000000000 END)::int4 FROM one
            """, [.blob(source), .id(last), .id(next), .int(jobs), .bool(isDone)])
    }

    private static let unlike = PostgresError.unreadable(
        "what was written is not what was read back: nothing of it was kept")
    private static let another = PostgresError.unreadable("another vigil store copy goes on with the same folder")

    private func call<Value: Sendable>(
        bytes: Int, _ body: @escaping @Sendable (Session) throws(PostgresError) -> Value
    ) async throws(JobStoreError) -> Value {
        do throws(PostgresError) { return try await pool.run(bytes: bytes, body) } catch { throw error.told }
    }
}
