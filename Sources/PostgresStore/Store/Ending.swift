import Jobs
import Payloads
import Platform

/// A job's end by the holder of a claim: one transaction, that changes one row or nothing.
struct Ending: Sendable {
    let token: ClaimToken
    let outcome: JobOutcome
    let timings: JobTimings?

    /// What came of the job, where it succeeded.
    private var output: JobOutput? {
        guard case .succeeded(let made) = outcome else { return nil }
        return made
    }

    /// The bytes of that.
    var bytes: Int { output?.body.count ?? 0 }

    /// Ends the job; nil where the claim is not good any more.
    func run(_ session: Session, _ time: StoreTime, _ models: OwnModels) throws(PostgresError) -> Job? {
        let body = output?.body ?? []
        var statements: [Statement] = []
        // The pieces of a large output go first, under the claim's own name; where it comes to nothing they are nobody's, and go
        // with their partition.
        for (piece, bytes) in PostgresJobStore.pieces(of: body, from: 1) {
            statements.append(
                Statement(
                    """
                    INSERT INTO results (job, token, piece, body) SELECT id, $2::int8, $3::int8, $4::bytea FROM jobs
                    WHERE id = $1::bytea AND ((status = 1 AND token = $2::int8) OR (status = 0 AND lapsed = $2::int8))
                    """, [.id(token.job), .int(token.stored), .int(piece), .blob(bytes)]))
        }
        statements.append(statement(time, models))
        let answers: [Rows]
        do throws(PostgresError) { answers = try session.run(statements) } catch {
            // The partition of a job's own hour is there since it came, unless an operator has dropped it.
            guard error.state == PostgresError.checkViolation else { throw error }
            try Partitions(session: session).make(at: token.job.madeAt)
            answers = try session.run(statements)
        }
        guard let last = answers.last else { return nil }
        return try Self.job(last)
    }

    /// What ends the job, with the first piece of its output.
    func statement(_ time: StoreTime, _ models: OwnModels) -> Statement {
        var failure: JobFailure?
        if case .failed(let reason) = outcome { failure = reason }
        let (output, body) = (output, output?.body ?? [])
        return Statement(
            Self.sql,
            time.values + models.values + [
                .id(token.job), .int(token.stored), .int(StatusCode[outcome.status]),
                .int(timings?.queued.wholeNanoseconds), .int(timings?.scored.wholeNanoseconds),
                .int(output.map { $0.body.count }), .blob(output.map { BodyDigest.of($0.body) }),
                .text(failure?.reason), .text(failure?.detail), .blob(output?.subject?.bytes),
                .blob(body.isEmpty ? nil : Array(body.prefix(PostgresJobStore.pieceBytes))),
            ], isKept: true)
    }

    /// The job as ``statement(_:_:)`` has ended it; nil where it did not.
    static func job(_ answer: Rows) throws(PostgresError) -> Job? {
        guard let first = answer.first else { return nil }
        var job = try JobRow(first).job
        job.isRegained = try first.int(JobRow.count) == 0
        let isServed = try first.bool(JobRow.count + 1)
        job.isModelMissing = job.isRegained && !isServed
        return job
    }

    private static let sql = """
        SELECT * FROM vigil_end_1($1::int8, $2::int8, $3::bool, $4::bytea[],
            $5::int8, $6::bytea, $7::int8, $8::int8, $9::int8, $10::int8, $11::int8, $12::bytea, $13::bytea, $14::bytea,
            $15::bytea, $16::bytea)
        """
}
