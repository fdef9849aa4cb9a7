import Platform

/// Brings a database's tables up to what this Vigil knows, and says what they are.
struct Migration {
    /// What all Vigils of a database take for as long as they change tables.
    private static let lock: Int64 = 0x7669_6769_6c00

    /// The steps that a database has had.
    struct Standing: Sendable, Equatable {
        /// How many there are.
        let steps: Int
        /// How many this Vigil did just now.
        var done = 0
        /// Whether a newer Vigil has added something.
        var isNewer: Bool { steps > Schema.steps.count }
    }

    let session: Session
    let vigil: String

    /// Does what is left to be done, one server at a time.
    func run() throws(PostgresError) -> Standing {
        let before = try standing()
        guard before.steps < Schema.steps.count else { return before }
        var done = 0
        for (index, step) in Schema.steps.enumerated() where index >= before.steps {
            // Each step with its line in one transaction; who comes second finds the line, and its insertion refused.
            var statements = [
                Statement("SELECT pg_advisory_xact_lock($1::int8)", [.int(Self.lock)]), Statement(Schema.ledger),
                Statement(
                    """
                    INSERT INTO vigil_schema (step, name, vigil)
                    VALUES ($1::int8, convert_from($2::bytea, 'UTF8'), convert_from($3::bytea, 'UTF8'))
                    """,
                    [.int(index + 1), .text(step.name), .text(vigil)]),
            ]
            for sql in step.sql { statements += Self.pieces(sql) }
            do throws(PostgresError) {
                _ = try session.run(statements)
                done += 1
            } catch  where error.state == PostgresError.uniqueViolation {
                continue
            } catch  where error.state == PostgresError.insufficientPrivilege {
                throw .unusable(
                    "its tables lack a step of this Vigil (\(step.name)), which this user may not do: their owner does it by "
                        + "vigil store migrate")
            }
        }
        return Standing(steps: try standing().steps, done: done)
    }

    /// How far the database is.
    func standing() throws(PostgresError) -> Standing {
        let isThere = try session.run("SELECT to_regclass('vigil_schema') IS NOT NULL").first?.bool(0) ?? false
        guard isThere else { return Standing(steps: 0) }
        let steps = try session.run("SELECT coalesce(max(step), 0) FROM vigil_schema").first?.count(0) ?? 0
        return Standing(steps: steps)
    }

    /// The statements of a step, which end at the line's end, but for those of a function's body.
    private static func pieces(_ sql: String) -> [Statement] {
        var pieces: [Statement] = []
        var piece = ""
        var isInBody = false
        for line in sql.split(separator: "\n") {
            piece += line + "\n"
            if line.utf8.split(separator: UInt8(ascii: "$"), omittingEmptySubsequences: false).count == 3 {
                isInBody.toggle()
            }
            if !isInBody, line.ends(with: ";") {
                pieces.append(Statement(piece))
                piece = ""
            }
        }
        if !piece.isEmpty { pieces.append(Statement(piece)) }
        return pieces
    }
}
