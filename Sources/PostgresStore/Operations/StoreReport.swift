import Jobs
import Platform

/// What `vigil store check` tells of a database.
public struct StoreReport: Sendable, Equatable {
    /// What is wrong, a sentence each: with it servers do not work, or what was accepted may be lost.
    public internal(set) var faults: [String] = []
    /// What is not as it should be, and costs nothing yet.
    public internal(set) var notes: [String] = []
    /// The jobs whose input or result is not what was stored, with the reason.
    public internal(set) var damages: [Damage] = []
    /// How many jobs were looked at.
    public internal(set) var jobs = 0

    /// A job that is damaged.
    public struct Damage: Sendable, Equatable {
        /// Its ID.
        public let job: String
        /// What is wrong.
        public let reason: String
    }

    /// Whether nothing is wrong.
    public var isWhole: Bool { faults.isEmpty && damages.isEmpty }
}

extension StoreOperations {
    /// How many jobs are looked at by a statement, and how many bytes of one are put together by it.
    private static let mostJobs = 100
    private static let mostBytes = 256 << 20

    /// Looks at the database: whether this user can serve with it, whether it keeps what it commits, and whether all inputs and
    /// results are what was stored. Nothing in it is changed.
    public func check() async throws(JobStoreError) -> StoreReport {
        var report = StoreReport()
        let (faults, notes, isReadable) = try await call { session throws(PostgresError) in
            try Self.settings(session)
        }
        (report.faults, report.notes) = (faults, notes)
        guard isReadable else { return report }
        var last: JobID?
        while true {
            let after = last
            let page = try await call { session throws(PostgresError) in try Self.page(session, after: after) }
            guard let newest = page.last else { return report }
            report.jobs += page.jobs
            report.damages += page.damages
            last = newest
        }
    }

    private static func settings(
        _ session: Session
    ) throws(PostgresError) -> (faults: [String], notes: [String], isReadable: Bool) {
        var (faults, notes): ([String], [String]) = ([], [])
        let version = session.connection.serverVersion / 10_000
        if version < oldest { faults.append("PostgreSQL \(version) is too old: expected \(oldest) or later") }
        let lacking = try Privileges.lacking(session)
        faults += lacking.map { "this user may not \($0): deploy/postgres/grants.sql allows it" }
        guard !lacking.contains(where: { $0.hasBytes(of: "SELECT vigil_schema") }) else {
            return (faults, notes, false)
        }
        let steps = try Migration(session: session, vigil: "").standing().steps
        guard steps > 0 else {
            return (
                faults + ["there are no tables of Vigil's that this user can see: vigil store migrate makes them"],
                notes, false
            )
        }
        if steps < Schema.steps.count {
            faults.append(
                "its tables have had \(steps) steps of \(Schema.steps.count): vigil store migrate does what is left")
        } else if steps > Schema.steps.count {
            notes.append("its tables are those of a newer Vigil, which this one leaves as they are")
        }
        let row = try session.run(
            """
            SELECT pg_is_in_recovery(), current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',
                current_setting('synchronous_commit') = 'off', current_setting('autovacuum') = 'on',
                current_setting('transaction_read_only') = 'on'
            """
        ).first
        if let row {
            if try row.bool(0) { faults.append("it is a standby, which takes no writes") }
            if try row.bool(5), try !row.bool(0) {
                faults.append("it takes no writes from this user: default_transaction_read_only is on")
            }
            if try !row.bool(1) { faults.append("fsync is off: a loss of power may cost all of it") }
            if try !row.bool(2) { faults.append("full_page_writes is off: a loss of power may cost all of it") }
            if try row.bool(3) {
                faults.append("synchronous_commit is off: a loss of power costs what was accepted just before")
            }
            if try !row.bool(4) { notes.append("autovacuum is off: claims become slower and slower") }
        }
        let isReadable = !lacking.contains { $0.begins(with: "SELECT") }
        return (faults, notes, isReadable && steps >= Schema.steps.count)
    }

    /// The digests are made by the database, so that no body is sent; of a body that is too large only the length is looked at.
    private static func page(
        _ session: Session, after last: JobID?
    ) throws(PostgresError) -> (last: JobID?, jobs: Int, damages: [StoreReport.Damage]) {
        let rows = try session.run(
            """
            WITH page AS (
                SELECT id, status, coalesce(source, id) AS source, subject, token, input_stored, input_sha256,
                    output_bytes, output_sha256, \(RowRules.broken) AS rule
                FROM jobs WHERE id > $1::bytea ORDER BY id LIMIT $2::int8
            )
            SELECT s.id,
                CASE WHEN s.status > 1 THEN NULL
                    WHEN i.bytes IS DISTINCT FROM s.input_stored THEN 1
                    WHEN s.input_stored <= $3::int8 AND sha256(s.subject || (
                        SELECT coalesce(string_agg(body, ''::bytea ORDER BY piece), ''::bytea) FROM payloads
                        WHERE job = s.source
                    )) <> s.input_sha256 THEN 2 END,
                CASE WHEN s.status <> 2 THEN NULL
                    WHEN o.bytes IS DISTINCT FROM s.output_bytes THEN 1
                    WHEN s.output_bytes <= $3::int8 AND sha256((
                        SELECT coalesce(string_agg(body, ''::bytea ORDER BY piece), ''::bytea) FROM results
                        WHERE job = s.id AND token = s.token
                    )) <> s.output_sha256 THEN 2 END,
                CASE WHEN s.status <= 1 AND EXISTS (
                    SELECT 1 FROM file_uses AS u WHERE u.job = s.id AND (
                        SELECT count(*) = 0 OR count(*) <> max(part) + 1 FROM file_parts AS p WHERE p.file = u.file
                    )) THEN 1 END,
                s.rule
            FROM page AS s
                CROSS JOIN LATERAL (
                    SELECT coalesce(sum(length(body)), 0)::int8 AS bytes FROM payloads
                    WHERE s.status <= 1 AND job = s.source
                ) AS i
                CROSS JOIN LATERAL (
                    SELECT coalesce(sum(length(body)), 0)::int8 AS bytes FROM results
                    WHERE s.status = 2 AND job = s.id AND token = s.token
                ) AS o
            ORDER BY s.id
            """, [.blob(last?.bytes ?? []), .int(mostJobs), .int(mostBytes)])
        var damages: [StoreReport.Damage] = []
        var newest: JobID?
        for index in 0..<rows.count {
            let row = rows[index]
            let id = try row.id(0)
            newest = id
            if let rule = try row.optionalInt(4) {
                damages.append(StoreReport.Damage(job: "\(id)", reason: RowRules.reason(rule)))
            }
            for (column, name) in [(1, "its input"), (2, "its result"), (3, "its video")] {
                guard let fault = try row.optionalInt(column) else { continue }
                damages.append(
                    StoreReport.Damage(
                        job: "\(id)",
                        reason: fault == 1
                            ? "\(name) is not there, or not all of it"
                            : "\(name) is not the one that was stored: its SHA-256 differs"))
            }
        }
        return (newest, rows.count, damages)
    }
}

/// What a server may do with the tables, as `deploy/postgres/grants.sql` has it.
enum Privileges {
    private static let tables: [(privileges: [String], tables: [String])] = [
        (["SELECT"], ["vigil_schema", "vigil_backlog"]),
        (
            ["SELECT", "INSERT", "UPDATE", "DELETE"],
            ["jobs", "callbacks", "alerts", "lines", "servers", "files", "made"]
        ),
        (["SELECT", "INSERT", "DELETE"], ["payloads", "results", "keys", "file_uses", "file_parts"]),
        (["SELECT", "INSERT", "UPDATE"], ["remarks", "usage", "copies"]), (["SELECT", "UPDATE"], ["lanes"]),
    ]

    /// What of it the session's user may not, such as `INSERT into jobs`.
    static func lacking(_ session: Session) throws(PostgresError) -> [String] {
        var lacking: [String] = []
        for (privileges, tables) in tables {
            for (table, privilege) in tables.flatMap({ table in privileges.map { (table, $0) } }) {
                let row = try session.run(
                    "SELECT coalesce(has_table_privilege(to_regclass('\(table)')::oid, '\(privilege)'), true)"
                ).first
                guard try row?.bool(0) != true else { continue }
                lacking.append("\(privilege) \(table)")
            }
        }
        let row = try session.run(
            """
            SELECT count(*) FILTER (WHERE p.proname IN (
                    'vigil_make_hour', 'vigil_drop_hour', 'vigil_make_files', 'vigil_drop_files')),
                count(*) FILTER (WHERE p.proname IN ('vigil_standbys', 'vigil_pressure'))
            FROM pg_proc AS p WHERE pg_function_is_visible(p.oid) AND NOT has_function_privilege(p.oid, 'EXECUTE')
            """
        ).first
        if try row?.count(0) ?? 0 > 0 { lacking.append("make and drop partitions") }
        if try row?.count(1) ?? 0 > 0 { lacking.append("ask how the database fares") }
        for name in Functions.names {
            let row = try session.run(
                """
                SELECT count(*) FROM pg_proc AS p WHERE p.proname = '\(name)' AND pg_function_is_visible(p.oid)
                AND NOT has_function_privilege(p.oid, 'EXECUTE')
                """
            ).first
            if try row?.count(0) ?? 0 > 0 { lacking.append("EXECUTE \(name)") }
        }
        return lacking
    }
}
