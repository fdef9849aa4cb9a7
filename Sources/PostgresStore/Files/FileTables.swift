import Jobs
import Platform

/// The tables of files that jobs are about, and what keeps them in order.
///
/// `files` has a row for each, which is `used` from the moment on in which a job of it is committed; `file_uses` says which jobs these
/// are, until they have ended. Parts are written once, in partitions of ten minutes by the file's name, and go with them. What was made
/// of a job's file is among the results, under claims' names that no claim has.
enum FileTables {
    /// The bytes of a part, but for the last.
    static let partBytes = 1 << 20
    /// A file that no job has had and that nobody has written to for so long is nobody's.
    static let patience = Duration.seconds(3_600)
    /// In `results` in the place of a claim's token.
    static let madeToken: Int64 = 0
    /// The same of what is made while a job runs.
    static let rowsToken: Int64 = -1
    /// How long a partition's time is, and how long after its end it is looked at, in milliseconds.
    private static let span: Int64 = 600_000
    /// Parts that are deleted by one statement.
    private static let mostDeleted = 64
    private static let mostFiles = 100
    private static let lock: Int64 = 0x7669_6769_6c02

    static let tables = """
        CREATE TABLE files (
            id bytea PRIMARY KEY CHECK (length(id) = 16), touched int8 NOT NULL, used bool NOT NULL DEFAULT false
        );
        CREATE TABLE file_uses (job bytea PRIMARY KEY, file bytea NOT NULL);
        CREATE INDEX file_uses_file ON file_uses (file);
        CREATE TABLE file_parts (
            file bytea NOT NULL, part int4 NOT NULL, body bytea NOT NULL, PRIMARY KEY (file, part)
        ) PARTITION BY RANGE (file);
        ALTER TABLE file_parts ALTER body SET STORAGE EXTERNAL;
        CREATE TABLE made (job bytea PRIMARY KEY, lookup bytea NOT NULL, bytes int8 NOT NULL);
        CREATE INDEX made_lookup ON made (lookup)
        """

    /// What makes and drops partitions, with the rights of the tables' owner.
    static let partitions = """
        CREATE FUNCTION vigil_make_files(number int8, low bytea, high bytea) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            IF number NOT BETWEEN 0 AND 999999999 OR length(low) <> 16 OR length(high) <> 16 THEN
                RAISE EXCEPTION 'there is no span %', number USING ERRCODE = 'invalid_parameter_value';
            END IF;
            PERFORM pg_advisory_xact_lock(\(lock));
            IF to_regclass('file_parts_s' || number) IS NOT NULL THEN RETURN; END IF;
            EXECUTE format('CREATE TABLE %I (LIKE file_parts INCLUDING ALL)', 'file_parts_s' || number);
            EXECUTE format('ALTER TABLE file_parts ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                'file_parts_s' || number, low, high);
        END $$;
        CREATE FUNCTION vigil_drop_files(number int8, low bytea, high bytea) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            IF number NOT BETWEEN 0 AND 999999999 THEN
                RAISE EXCEPTION 'there is no span %', number USING ERRCODE = 'invalid_parameter_value';
            END IF;
            PERFORM set_config('lock_timeout', '1s', true);
            IF NOT pg_try_advisory_xact_lock(\(lock)) THEN RETURN; END IF;
            IF EXISTS (SELECT 1 FROM files WHERE id >= low AND id < high) THEN RETURN; END IF;
            EXECUTE format('DROP TABLE IF EXISTS %I', 'file_parts_s' || number);
        EXCEPTION WHEN lock_not_available THEN NULL;
        END $$;
        DO $$ BEGIN
            EXECUTE format('ALTER FUNCTION vigil_make_files SET search_path = %I, pg_temp', current_schema());
            EXECUTE format('ALTER FUNCTION vigil_drop_files SET search_path = %I, pg_temp', current_schema());
        END $$;
        REVOKE ALL ON FUNCTION vigil_make_files, vigil_drop_files FROM PUBLIC
        """

    /// Has a job need a file, in the transaction that commits the job; this fails by a number that is too large where the file is gone.
    static func use(of file: JobID, by job: JobID) -> Statement {
        Statement(
            """
            WITH one AS (UPDATE files SET used = true WHERE id = $2::bytea RETURNING id),
            noted AS (INSERT INTO file_uses (job, file) SELECT $1::bytea, id FROM one)
            SELECT (CASE count(*) WHEN 1 THEN 1 ELSE 3000000000 END)::int4 FROM one
            """, [.id(job), .id(file)])
    }

    /// Begins a file.
    static func begin(_ file: JobID, _ session: Session, _ time: StoreTime) throws(PostgresError) {
        _ = try session.run(
            "WITH \(StoreTime.table) INSERT INTO files (id, touched) SELECT $3::bytea, now FROM t",
            time.values + [.id(file)])
    }

    /// Writes a part of a file that no job has yet; one that is there stays. What is to hold of it is tried in the same transaction.
    static func write(
        _ part: Int, _ bytes: [UInt8], of file: JobID, _ session: Session, _ time: StoreTime, checks: [Statement] = []
    ) throws(PostgresError) {
        let written = Statement(
            """
            WITH \(StoreTime.table), one AS (
                UPDATE files AS f SET touched = t.now FROM t WHERE f.id = $3::bytea AND NOT f.used RETURNING f.id
            ), written AS (
                INSERT INTO file_parts (file, part, body) SELECT id, $4::int8, $5::bytea FROM one
                ON CONFLICT DO NOTHING
            )
            SELECT count(*) = 1 FROM one
            """, time.values + [.id(file), .int(part), .blob(bytes)])
        let rows: [Rows]
        do throws(PostgresError) { rows = try session.run([written] + checks) } catch {
            guard error.state == PostgresError.checkViolation else { throw error }
            try makePartition(of: file, session)
            rows = try session.run([written] + checks)
        }
        guard try rows.first?.first?.bool(0) == true else {
            throw .store(.unavailable("what has come of the file was removed meanwhile"))
        }
    }

    /// Makes the partition that a file's parts are in.
    static func makePartition(of file: JobID, _ session: Session) throws(PostgresError) {
        let number = max(file.madeAt.milliseconds, 0) / span
        do throws(PostgresError) {
            _ = try session.run(
                "SELECT vigil_make_files($1::int8, $2::bytea, $3::bytea)",
                [.int(number), .blob(bound(number)), .blob(bound(number + 1))])
        } catch  where error.state == PostgresError.duplicateTable {
            // Another was first.
            return
        }
    }

    private static func bound(_ number: Int64) -> [UInt8] {
        JobID.first(at: WallTime(milliseconds: number * span)).bytes
    }

    /// Removes a file that no job has had, with its parts, a few at a time.
    static func discard(_ file: JobID, _ session: Session) throws(PostgresError) {
        let isGone = try session.run(
            """
            WITH gone AS (DELETE FROM files WHERE id = $1::bytea AND NOT used RETURNING id)
            SELECT count(*) = 1 FROM gone
            """, [.id(file)]
        ).first?.bool(0)
        guard isGone == true else { return }
        try deleteParts(of: file, session)
    }

    private static func deleteParts(of file: JobID, _ session: Session) throws(PostgresError) {
        while true {
            let gone = try session.run(
                """
                DELETE FROM file_parts WHERE file = $1::bytea
                AND part IN (SELECT part FROM file_parts WHERE file = $1::bytea LIMIT $2::int8)
                """, [.id(file), .int(mostDeleted)])
            if gone.affected < mostDeleted { return }
        }
    }

    /// Forgets files whose jobs have ended and those that never got one, what was made for jobs that are not known any more or is more
    /// than may be kept, and drops partitions that no file is in.
    static func tidy(
        _ session: Session, _ time: StoreTime, at wall: WallTime, madeBytes: Int
    ) throws(PostgresError) {
        let answers = try session.run([
            Statement(
                """
                DELETE FROM file_uses AS u WHERE NOT EXISTS (
                    SELECT 1 FROM jobs AS j WHERE j.id = u.job AND j.status <= 1)
                """),
            Statement(
                "DELETE FROM files AS f WHERE f.used AND NOT EXISTS (SELECT 1 FROM file_uses AS u WHERE u.file = f.id)"
            ),
            Statement("DELETE FROM made AS m WHERE NOT EXISTS (SELECT 1 FROM jobs AS j WHERE j.id = m.job)"),
            Statement(
                """
                WITH sums AS (
                    SELECT job, sum(bytes) OVER (ORDER BY job DESC) AS total FROM made
                ), gone AS (
                    DELETE FROM made AS m USING sums AS s WHERE m.job = s.job AND s.total > $1::int8 RETURNING m.job
                )
                DELETE FROM results AS r USING gone AS g WHERE r.job = g.job AND r.token = $2::int8
                """, [.int(madeBytes), .int(madeToken)]),
            Statement(
                """
                WITH \(StoreTime.table) SELECT f.id FROM files AS f, t
                WHERE NOT f.used AND f.touched < t.now - $3::int8 LIMIT $4::int8
                """, time.values + [.int(patience.wholeNanoseconds), .int(mostFiles)]),
            Statement(
                """
                SELECT convert_to(c.relname::text, 'UTF8') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = to_regclass('file_parts')
                """),
        ])
        for index in 0..<answers[4].count { try discard(try answers[4][index].id(0), session) }
        for index in 0..<answers[5].count {
            let name = try answers[5][index].text(0)
            guard let number = name.rest(after: "file_parts_s").flatMap({ Int64($0) }),
                (number + 2) * span < wall.milliseconds
            else { continue }
            _ = try session.run(
                "SELECT vigil_drop_files($1::int8, $2::bytea, $3::bytea)",
                [.int(number), .blob(bound(number)), .blob(bound(number + 1))])
        }
    }
}
