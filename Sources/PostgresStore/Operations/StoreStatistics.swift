import Jobs
import Platform

/// What `vigil store stats` tells of a database.
public struct StoreStatistics: Sendable, Equatable {
    /// A server that says that it is there.
    public struct Server: Sendable, Equatable {
        /// What it is called.
        public let name: String
        /// How long ago it last said so, in milliseconds.
        public let silent: Int
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
    /// How many rows of jobs are dead.
    public internal(set) var deadRows = 0
    /// How long ago an autovacuum was there, in milliseconds; nil where there was none.
    public internal(set) var vacuumed: Int?
    /// How many transactions ago the oldest began that a session, a replication slot or a prepared one still sees.
    public internal(set) var oldestSnapshot = 0
    /// For how long the transaction of this database lasts that began first, in milliseconds.
    public internal(set) var oldestTransaction = 0
    /// How many sessions this database has.
    public internal(set) var sessions = 0
    /// How many sessions the server allows for all of its databases.
    public internal(set) var mostSessions = 0
}

extension StoreOperations {
    /// What there is, and what tells whether the database keeps up. Other users' transactions are seen only by members of
    /// `pg_read_all_stats`.
    public func statistics() async throws(JobStoreError) -> StoreStatistics {
        try await call { session throws(PostgresError) in
            var found = StoreStatistics()
            found.version = session.connection.serverVersion / 10_000
            guard try Migration(session: session, vigil: "").standing().steps > 0 else {
                throw .unusable("there are no tables of Vigil's that this user can see: vigil store migrate makes them")
            }
            let answers = try session.run([
                Statement("SELECT status, count(*) FROM jobs GROUP BY status"),
                Statement("SELECT queued_parts::int8, (oldest_wait_seconds * 1000)::int8 FROM vigil_backlog"),
                Statement("SELECT count(*) FROM callbacks"),
                Statement(
                    """
                    SELECT name, greatest((extract(epoch FROM clock_timestamp()) * 1000)::int8 - seen / 1000000, 0),
                        CASE WHEN every THEN '{}'::bytea[] ELSE names END
                    FROM servers ORDER BY seen DESC LIMIT 1000
                    """),
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
                    SELECT n_dead_tup,
                        (extract(epoch FROM clock_timestamp() - last_autovacuum) * 1000)::int8
                    FROM pg_stat_user_tables WHERE relid = to_regclass('jobs')
                    """),
                Statement(
                    """
                    SELECT greatest(
                            (SELECT max(age(backend_xmin)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()),
                            (SELECT max(greatest(age(xmin), age(catalog_xmin))) FROM pg_replication_slots),
                            (SELECT max(age(transaction)) FROM pg_prepared_xacts), 0)::int8,
                        (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)) * 1000, 0)::int8
                            FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()),
                        (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),
                        current_setting('max_connections')::int8
                    """),
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
                    name: try row.text(0), silent: try row.count(1),
                    models: try row.texts(2).filter { !$0.isEmpty })
            }
            if let row = answers[4].first {
                (found.bytes, found.jobsBytes) = (try row.count(0), try row.count(1))
                (found.inputsBytes, found.resultsBytes) = (try row.count(2), try row.count(3))
                (found.partitions, found.videosBytes) = (try row.count(4), try row.count(5))
            }
            if let row = answers[5].first {
                (found.deadRows, found.vacuumed) = (try row.count(0), try row.optionalInt(1).map { Int($0) })
            }
            if let row = answers[6].first {
                (found.oldestSnapshot, found.oldestTransaction) = (try row.count(0), try row.count(1))
                (found.sessions, found.mostSessions) = (try row.count(2), try row.count(3))
            }
            return found
        }
    }
}
