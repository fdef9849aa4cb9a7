import Jobs
import Payloads
import Platform

/// A job's end by the holder of a claim: one transaction, that changes one row or nothing.
struct Ending: Sendable {
    let token: ClaimToken
    let outcome: JobOutcome
    let timings: JobTimings?

    /// Ends the job; nil where the claim is not good any more.
    func run(_ session: Session, _ time: StoreTime, _ models: OwnModels) throws(PostgresError) -> Job? {
        var (output, failure): (JobOutput?, JobFailure?)
        switch outcome {
        case .succeeded(let made): output = made
        case .failed(let reason): failure = reason
        case .cancelled: break
        }
        let body = output?.body ?? []
        var statements: [Statement] = []
        // The pieces of a large output go first, under the claim's own name; where it comes to nothing they are nobody's, and go
        // with their partition.
        for (piece, start) in stride(from: 0, to: body.count, by: PostgresJobStore.pieceBytes).enumerated().dropFirst()
        {
            let bytes = Array(body[start..<min(start + PostgresJobStore.pieceBytes, body.count)])
            statements.append(
                Statement(
                    """
                    INSERT INTO results (job, token, piece, body) SELECT id, $2::int8, $3::int8, $4::bytea FROM jobs
                    WHERE id = $1::bytea AND ((status = 1 AND token = $2::int8) OR (status = 0 AND lapsed = $2::int8))
                    """, [.id(token.job), .int(token.stored), .int(piece), .blob(bytes)]))
        }
        statements.append(
            Statement(
                Self.sql,
                time.values + models.values + [
                    .id(token.job), .int(token.stored), .int(StatusCode[outcome.status]),
                    .int(timings?.queued.wholeNanoseconds), .int(timings?.scored.wholeNanoseconds),
                    .int(output.map { $0.body.count }), .blob(output.map { BodyDigest.of($0.body) }),
                    .text(failure?.reason), .text(failure?.detail), .blob(output?.subject?.bytes),
                    .blob(body.isEmpty ? nil : Array(body.prefix(PostgresJobStore.pieceBytes))),
                ]))
        let answers: [Rows]
        do throws(PostgresError) { answers = try session.run(statements) } catch {
            // The partition of a job's own hour is there since it came, unless an operator has dropped it.
            guard error.state == PostgresError.checkViolation else { throw error }
            try Partitions(session: session).make(at: token.job.madeAt)
            answers = try session.run(statements)
        }
        guard let first = answers.last?.first else { return nil }
        var job = try JobRow(first).job
        job.isRegained = try first.int(JobRow.count) == 0
        let isServed = try first.bool(JobRow.count + 1)
        job.isModelMissing = job.isRegained && !isServed
        return job
    }

    private static let sql = """
        WITH \(StoreTime.table), held AS (
            SELECT id, status AS was, CASE WHEN cancel_requested THEN 4 ELSE $8::int8 END AS becomes FROM jobs
            WHERE id = $6::bytea
            AND ((status = 1 AND token = $7::int8) OR (status = 0 AND lapsed = $7::int8)) FOR UPDATE
        ), ended AS (
            UPDATE jobs AS j SET status = h.becomes, token = $7::int8, lapsed = NULL, lease_end = NULL,
                finished_at = t.wall, ended = t.now, queued_ns = $9::int8, scored_ns = $10::int8,
                started_at = CASE h.was WHEN 0 THEN t.wall ELSE j.started_at END,
                parts_done = CASE h.becomes WHEN 2 THEN j.parts ELSE j.parts_done END,
                output_bytes = CASE h.becomes WHEN 2 THEN $11::int8 END,
                output_sha256 = CASE h.becomes WHEN 2 THEN $12::bytea END,
                failure_reason = CASE h.becomes WHEN 3 THEN $13::bytea END,
                failure_detail = CASE h.becomes WHEN 3 THEN $14::bytea END,
                subject = CASE h.becomes WHEN 2 THEN coalesce($15::bytea, j.subject) ELSE j.subject END,
                revision = j.revision + 1
            FROM held AS h, t WHERE j.id = h.id
            RETURNING j.*, h.was, \(OwnModels.isServed("j", every: 3, own: 4, lease: 5)) AS served
        ), \(PostgresJobStore.notes(of: "ended")), body AS (
            INSERT INTO results (job, token, piece, body)
            SELECT id, $7::int8, 0, $16::bytea FROM ended WHERE status = 2 AND $16::bytea IS NOT NULL
        )
        SELECT \(JobRow.columns(of: "e")), e.was, e.served FROM ended AS e
        """
}
