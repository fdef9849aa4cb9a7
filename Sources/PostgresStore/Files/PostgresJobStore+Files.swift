public import Jobs
import Platform

/// Files that jobs are about, in parts.
extension PostgresJobStore: SharedFiles {
    /// The bytes of a part.
    public var partBytes: Int { FileTables.partBytes }

    /// Begins a file.
    public func beginFile() async throws(JobStoreError) -> JobID {
        let wall = wall
        let file = random.withLock { random in
            own.withLock { own in own.generator.next(at: wall, using: &random) }
        }
        let time = time
        return try await call { session throws(PostgresError) in
            try FileTables.begin(file, session, time)
            return file
        }
    }

    /// Writes a part of a file that no job has yet.
    public func writePart(_ part: Int, _ bytes: [UInt8], of file: JobID) async throws(JobStoreError) {
        let time = time
        try await moving(bytes.count) { session throws(PostgresError) in
            try FileTables.write(part, bytes, of: file, session, time)
        }
    }

    /// A part of a file.
    public func part(_ part: Int, of file: JobID) async throws(JobStoreError) -> [UInt8]? {
        try await moving(partBytes) { session throws(PostgresError) in
            try session.run(
                "SELECT body FROM file_parts WHERE file = $1::bytea AND part = $2::int8", [.id(file), .int(part)]
            ).first?.bytes(0)
        }
    }

    /// Removes a file that no job has had.
    public func discardFile(_ file: JobID) async throws(JobStoreError) {
        try await call { session throws(PostgresError) in try FileTables.discard(file, session) }
    }

    /// Keeps what was made of a job's file.
    public func keepMade(_ bytes: [UInt8], by lookup: [UInt8], of job: JobID) async throws(JobStoreError) {
        guard bytes.count <= settings.madeBytes else { return }
        let key: [Value] = [.id(job), .int(FileTables.madeToken)]
        // Rows that were kept on the way are in it.
        var statements = [
            Statement(
                "DELETE FROM results WHERE job = $1::bytea AND token IN ($2::int8, $3::int8)",
                key + [.int(FileTables.rowsToken)])
        ]
        for (piece, body) in Self.pieces(of: bytes) {
            statements.append(
                Statement(
                    """
                    INSERT INTO results (job, token, piece, body)
                    VALUES ($1::bytea, $2::int8, $3::int8, $4::bytea)
                    """, key + [.int(piece), .blob(body)]))
        }
        statements.append(
            Statement(
                """
                INSERT INTO made (job, lookup, bytes) VALUES ($1::bytea, $2::bytea, $3::int8)
                ON CONFLICT (job) DO UPDATE SET lookup = excluded.lookup, bytes = excluded.bytes
                """, [.id(job), .blob(lookup), .int(bytes.count)]))
        let all = statements
        try await moving(bytes.count) { session throws(PostgresError) in
            do throws(PostgresError) { _ = try session.run(all) } catch {
                guard error.state == PostgresError.checkViolation else { throw error }
                try Partitions(session: session).make(at: job.madeAt)
                _ = try session.run(all)
            }
        }
    }

    /// A job that has succeeded, and of which what is found so is kept.
    public func jobWithMade(_ lookup: [UInt8]) async throws(JobStoreError) -> JobID? {
        let values = time.values + [ttl, .blob(lookup)]
        return try await call(isRepeatable: true) { session throws(PostgresError) in
            try session.run(
                """
                WITH \(StoreTime.table) SELECT j.id FROM t, made AS m JOIN jobs AS j ON j.id = m.job
                WHERE m.lookup = $4::bytea AND j.status = 2 AND \(Self.isShown("j", ttl: 3))
                ORDER BY j.id DESC LIMIT 1
                """, values
            ).first?.id(0)
        }
    }

    /// A piece of what was made of a job's file.
    public func made(_ piece: Int, of job: JobID) async throws(JobStoreError) -> [UInt8]? {
        try await moving(Self.pieceBytes) { session throws(PostgresError) in
            try session.run(
                """
                SELECT r.body FROM results AS r JOIN made AS m ON m.job = r.job
                WHERE r.job = $1::bytea AND r.token = $2::int8 AND r.piece = $3::int8
                """, [.id(job), .int(FileTables.madeToken), .int(piece)]
            ).first?.bytes(0)
        }
    }

    /// Keeps a piece of what is made of a job's file, for the holder of its claim: the job's row says who that is, and nobody takes it
    /// meanwhile.
    public func keepRows(
        _ bytes: [UInt8], piece: Int, by token: ClaimToken
    ) async throws(JobStoreError) -> Bool {
        let held = """
            WITH one AS (
                SELECT id FROM jobs WHERE id = $1::bytea AND status = 1 AND token = $2::int8 FOR SHARE
            )
            """
        let values: [Value] = [
            .id(token.job), .int(token.stored), .int(FileTables.rowsToken), .int(piece),
        ]
        let statements = [
            Statement(
                """
                \(held) DELETE FROM results AS r USING one
                WHERE r.job = one.id AND r.token = $3::int8 AND r.piece >= $4::int8
                """, values),
            Statement(
                """
                \(held) INSERT INTO results (job, token, piece, body) SELECT id, $3::int8, $4::int8, $5::bytea FROM one
                """, values + [.blob(bytes)]),
        ]
        return try await moving(bytes.count) { session throws(PostgresError) in
            try session.run(statements)[1].affected == 1
        }
    }

    /// A piece of what the holders of a job's claims have kept so.
    public func rows(_ piece: Int, of job: JobID) async throws(JobStoreError) -> [UInt8]? {
        try await moving(Self.pieceBytes) { session throws(PostgresError) in
            try session.run(
                "SELECT body FROM results WHERE job = $1::bytea AND token = $2::int8 AND piece = $3::int8",
                [.id(job), .int(FileTables.rowsToken), .int(piece)]
            ).first?.bytes(0)
        }
    }

    /// One call that moves many bytes; all of these may be done again.
    private func moving<Value: Sendable>(
        _ bytes: Int, _ body: @escaping @Sendable (Session) throws(PostgresError) -> Value
    ) async throws(JobStoreError) -> Value {
        do throws(PostgresError) { return try await pool.run(bytes: bytes, isRepeatable: true, body) } catch {
            throw error.told
        }
    }
}
