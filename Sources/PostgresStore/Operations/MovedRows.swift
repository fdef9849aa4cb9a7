import Jobs
import Payloads
import Platform

/// The rows of jobs that were another store's, and what tells that they are what they were.
struct MovedRows {
    /// The token of results that no claim of this store has written.
    private static let token: Int64 = 0

    let headStart: Int64
    private var jobs: [(id: JobID, status: Int, input: [UInt8])] = []
    private var pieces: [(table: String, id: JobID, piece: Int, digest: [UInt8])] = []

    init(headStart: Int64) { self.headStart = headStart }

    /// What writes a job.
    mutating func insertions(of moved: MovedJob) -> [Statement] {
        let job = moved.job
        let input = moved.input.map { BodyDigest.of($0.body, subject: job.subject.bytes) } ?? []
        jobs.append((job.id, StatusCode[job.status], input))
        var statements = [row(of: moved, inputDigest: input)]
        if let file = moved.file { statements.append(FileTables.use(of: file, by: job.id)) }
        statements += insertions(of: moved.input?.body, in: "payloads", job.id)
        statements += insertions(of: moved.output, in: "results", job.id)
        for key in moved.keys {
            statements.append(
                Statement(
                    """
                    INSERT INTO keys (client, text, fingerprint, job, batch)
                    VALUES ($1::bytea, $2::bytea, $3::bytea, $4::bytea, $5::bytea) ON CONFLICT DO NOTHING
                    """,
                    [.text(key.client), .text(key.text), .text(key.fingerprint), .id(job.id), .id(key.batch?.jobID)]))
        }
        if let tries = moved.callbackTries, let url = job.callback, let ended = Self.nanoseconds(job.finishedAt) {
            statements.append(
                Statement(
                    """
                    INSERT INTO callbacks (job, url, receiver, ended, due, tries, failed)
                    VALUES ($1::bytea, $2::bytea, $3::bytea, $4::int8, $4::int8, $5::int8, $5::int8 > 0)
                    """, [.id(job.id), .text(url), .text(CallbackNote.receiver(url)), .int(ended), .int(tries)]))
        }
        for alert in moved.alerts {
            let ended = alert.isDue ? Self.nanoseconds(job.finishedAt) : nil
            statements.append(
                Statement(
                    """
                    INSERT INTO alerts (job, place, ended, due, tries, mark)
                    VALUES ($1::bytea, $2::bytea, $3::int8, $3::int8, $4::int8, $5::bytea)
                    """, [.id(job.id), .text(alert.place), .int(ended), .int(alert.tries), .blob(alert.mark)]))
        }
        if let remarks = moved.remarks {
            statements.append(
                Statement(
                    "INSERT INTO remarks (job, revision, bytes) VALUES ($1::bytea, $2::int8, $3::bytea)",
                    [.id(job.id), .int(remarks.revision), .blob(remarks.bytes)]))
        }
        return statements
    }

    private mutating func insertions(of body: [UInt8]?, in table: String, _ job: JobID) -> [Statement] {
        guard let body else { return [] }
        // A result has its first piece, also an empty one.
        let starts = body.isEmpty ? [0] : Array(stride(from: 0, to: body.count, by: PostgresJobStore.pieceBytes))
        return starts.enumerated().map { piece, start in
            let bytes = Array(body[start..<min(start + PostgresJobStore.pieceBytes, body.count)])
            pieces.append((table, job, piece, BodyDigest.of(bytes)))
            let values: [Value] = [.id(job), .int(piece), .blob(bytes)]
            return table == "payloads"
                ? Statement("INSERT INTO payloads (job, piece, body) VALUES ($1::bytea, $2::int8, $3::bytea)", values)
                : Statement(
                    """
                    INSERT INTO results (job, token, piece, body) VALUES ($1::bytea, \(Self.token), $2::int8, $3::bytea)
                    """, values)
        }
    }

    private func row(of moved: MovedJob, inputDigest: [UInt8]) -> Statement {
        let (job, input) = (moved.job, moved.input)
        let inserted = Self.nanoseconds(job.createdAt) ?? 0
        let turn = inserted.subtractingReportingOverflow(Int64(job.priority.rawValue) * headStart).partialValue
        return Statement(
            """
            INSERT INTO jobs (
                id, status, priority, lane, attempt, parts, parts_done, revision, place, turn, inserted, overdue, ended, token,
                input_bytes, created_at, deadline_at, started_at, finished_at, queued_ns, scored_ns, output_bytes,
                input_form, input_floats, input_plain, input_stored, client, model, model_sha256, owner, batch, kind, name,
                callback, receiver, trace, reuse_key, failure_reason, failure_detail, input_sha256, output_sha256, subject, alerts
            ) VALUES (
                $1::bytea, $2::int8, $3::int8, $4::int8, $5::int8, $6::int8, $7::int8, $8::int8, $9::int8, $10::int8,
                $11::int8, $12::int8, $13::int8, $14::int8, $15::int8, $16::int8, $17::int8, $18::int8, $19::int8,
                $20::int8, $21::int8, $22::int8, $23::int8, $24::bool, $25::int8, $26::int8, $27::bytea, $28::bytea,
                $29::bytea, $30::bytea, $31::bytea, $32::bytea, $33::bytea, $34::bytea, $35::bytea, $36::bytea,
                $37::bytea, $38::bytea, $39::bytea, $40::bytea, $41::bytea, $42::bytea, $43::bytea[]
            )
            """,
            [
                .id(job.id), .int(StatusCode[job.status]), .int(job.priority.rawValue),
                .int(LaneCode[ClaimLimit.Lane(parts: job.parts, isSerial: moved.file != nil)]), .int(job.attempt),
                .int(job.parts),
                .int(job.partsDone), .int(job.revision), .int(moved.place), .int(turn), .int(inserted),
                .int(Self.nanoseconds(job.deadline)), .int(Self.nanoseconds(job.finishedAt)),
                .int(job.status == .succeeded ? Self.token : nil), .int(job.inputBytes),
                .int(job.createdAt.milliseconds), .int(job.deadline?.milliseconds), .int(job.startedAt?.milliseconds),
                .int(job.finishedAt?.milliseconds), .int(job.timings?.queued.wholeNanoseconds),
                .int(job.timings?.scored.wholeNanoseconds), .int(job.outputBytes),
                .int(input?.form ?? 0), .bool(input?.areFloats ?? false), .int(input?.plain ?? 0),
                .int(input?.body.count ?? 0), .text(job.client), .text(job.model), .text(job.modelSHA256),
                .text(job.owner), .id(job.batch?.jobID), .text(job.kind), .text(job.name), .text(job.callback),
                .text(job.callback.map(CallbackNote.receiver)), .text(job.trace), .text(moved.reuseKey),
                .text(job.failure?.reason), .text(job.failure.map(\.detail)), .blob(inputDigest),
                .blob(moved.output.map { BodyDigest.of($0) }), .blob(job.subject.bytes),
                .texts(job.alerts),
            ])
    }

    /// What fails by a division by zero where a row or a body is not what was to be written.
    func checks() -> [Statement] {
        var statements = [
            Statement(
                """
                SELECT 1 / (count(*) = $1::int8)::int4 FROM unnest($2::bytea[], $3::int8[], $4::bytea[])
                    AS e (id, status, input) JOIN jobs AS j USING (id)
                WHERE j.status = e.status AND j.input_sha256 = e.input
                """,
                [
                    .int(jobs.count), .ids(jobs.map(\.id)), .ints(jobs.map { Int64($0.status) }),
                    .blobs(jobs.map(\.input)),
                ])
        ]
        for table in ["payloads", "results"] {
            let own = pieces.filter { $0.table == table }
            statements.append(
                Statement(
                    """
                    SELECT 1 / (count(*) = $1::int8)::int4 FROM unnest($2::bytea[], $3::int8[], $4::bytea[])
                        AS e (job, piece, digest) JOIN \(table) AS b ON b.job = e.job AND b.piece = e.piece
                    WHERE sha256(b.body) = e.digest
                    """,
                    [
                        .int(own.count), .ids(own.map(\.id)), .ints(own.map { Int64($0.piece) }),
                        .blobs(own.map(\.digest)),
                    ]))
        }
        return statements
    }

    /// A time of day by the database's clock.
    private static func nanoseconds(_ time: WallTime?) -> Int64? {
        guard let time else { return nil }
        let (product, isOver) = time.milliseconds.multipliedReportingOverflow(by: 1_000_000)
        return isOver ? (time.milliseconds < 0 ? .min / 2 : .max / 2) : product
    }
}
