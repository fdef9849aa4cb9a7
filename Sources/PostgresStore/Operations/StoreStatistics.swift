import Jobs
import Platform

/// What `vigil store stats` tells of a database.
public struct StoreStatistics: Sendable, Equatable {
    /// A server that says that it is there.
    public struct Server: Sendable, Equatable {
        /// What it is called, since when it is there, how long ago it last said so, and what it was at then.
        public let standing: SharedStanding.Server
        /// The models that it serves, by name; empty for all.
        public let models: [String]
    }

    /// The major version of PostgreSQL.
    public internal(set) var version = 0
    /// How many jobs there are, by status.
    public internal(set) var jobs: [String: Int] = [:]
    /// How many parts wait.
    public internal(set) var queuedParts = 0
    /// For how long the job waits that came first, in milliseconds.
    public internal(set) var oldestWait = 0
    /// How many callbacks wait.
    public internal(set) var callbacks = 0
    /// The servers, the one that spoke last first.
    public internal(set) var servers: [Server] = []
    /// The bytes of the database.
    public internal(set) var bytes = 0
    /// The bytes of jobs without their inputs and results, with the indices.
    public internal(set) var jobsBytes = 0
    /// The bytes of inputs.
    public internal(set) var inputsBytes = 0
    /// The bytes of results.
    public internal(set) var resultsBytes = 0
    /// The bytes of videos.
    public internal(set) var videosBytes = 0
    /// How many partitions inputs, results and videos have.
    public internal(set) var partitions = 0
    /// How long ago an autovacuum was there, in milliseconds; nil where there was none.
    public internal(set) var vacuumed: Int?
    /// What holds it up.
    public internal(set) var pressure = SharedStanding.Pressure()
    /// How many sessions this database has.
    public internal(set) var sessions = 0
    /// How many sessions the server allows for all of its databases.
    public internal(set) var mostSessions = 0
}

extension StoreOperations {
    /// What there is, and what tells whether the database keeps up.
    public func statistics() async throws(JobStoreError) -> StoreStatistics {
        try await call { session throws(PostgresError) in
            var found = StoreStatistics()
            found.version = session.connection.serverVersion / 10_000
            let steps = try Migration(session: session, vigil: "").standing().steps
            guard steps > 0 else {
                throw .unusable("there are no tables of Vigil's that this user can see: vigil store migrate makes them")
            }
            guard steps >= Schema.steps.count else {
                throw .unusable(
                    "its tables have had \(steps) steps of \(Schema.steps.count): vigil store migrate does what is left"
                )
            }
            let answers = try session.run([
                Statement("SELECT status, count(*) FROM jobs GROUP BY status"),
                Statement("SELECT queued_parts::int8, (oldest_wait_seconds * 1000)::int8 FROM vigil_backlog"),
                Statement("SELECT count(*) FROM callbacks"),
                Statement(
                    """
                    WITH \(StoreTime.table) SELECT \(SharedStanding.Server.columns),
                        CASE WHEN s.every THEN '{}'::bytea[] ELSE s.names END
                    FROM servers AS s, t ORDER BY s.seen DESC LIMIT 1000
                    """, StoreTime(by: SystemClock()).values),
                Statement(
                    """
                    SELECT pg_database_size(current_database()), pg_total_relation_size('jobs'),
                        (SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::int8 FROM pg_inherits
                            WHERE inhparent = to_regclass('payloads')),
                        (SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::int8 FROM pg_inherits
                            WHERE inhparent = to_regclass('results')),
                        (SELECT count(*) FROM pg_inherits
                            WHERE inhparent IN (to_regclass('payloads'), to_regclass('results'), to_regclass('file_parts'))),
                        (SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::int8 FROM pg_inherits
                            WHERE inhparent = to_regclass('file_parts'))
                    """),
                Statement(
                    """
                    SELECT (extract(epoch FROM clock_timestamp() - last_autovacuum) * 1000)::int8 FROM pg_stat_user_tables WHERE relid = to_regclass('jobs')
                    """),
                Statement(
                    """
                    SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),
                        current_setting('max_connections')::int8
                    """),
                SharedStanding.Pressure.look,
            ])
            for index in 0..<answers[0].count {
                let row = answers[0][index]
                guard let status = StatusCode.status(try row.count(0)) else { continue }
                found.jobs[status.rawValue] = try row.count(1)
            }
            if let row = answers[1].first {
                (found.queuedParts, found.oldestWait) = (try row.count(0), try row.count(1))
            }
            found.callbacks = try answers[2].first?.count(0) ?? 0
            found.servers = try answers[3].map { row throws(PostgresError) in
                StoreStatistics.Server(
                    standing: try SharedStanding.Server(row, own: []), models: try row.texts(8).filter { !$0.isEmpty })
            }
            if let row = answers[4].first {
                (found.bytes, found.jobsBytes) = (try row.count(0), try row.count(1))
                (found.inputsBytes, found.resultsBytes) = (try row.count(2), try row.count(3))
                (found.partitions, found.videosBytes) = (try row.count(4), try row.count(5))
            }
            if let row = answers[5].first { found.vacuumed = try row.optionalInt(0).map { Int($0) } }
            if let row = answers[6].first {
                (found.sessions, found.mostSessions) = (try row.count(0), try row.count(1))
            }
            found.pressure = try SharedStanding.Pressure(answers[7])
            return found
        }
    }
}
