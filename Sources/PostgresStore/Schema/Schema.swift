/// The tables, as steps that are done once each and only ever add: a Vigil of before goes on with what a newer one has added.
enum Schema {
    /// A step's number is its place, from 1.
    static let steps: [(name: String, sql: [String])] = [
        ("jobs", [jobs, bodies, keys, callbacks, alerts, remarks, usage, lines, servers, backlog]),
        ("operations", [Hours.step, Hours.copies]),
        ("functions", [Functions.step]),
        ("files", [FileTables.tables, FileTables.partitions]),
        ("health", [Health.step]),
    ]

    /// Which steps were done, when and by which Vigil.
    static let ledger = """
        CREATE TABLE IF NOT EXISTS vigil_schema (
            step int4 PRIMARY KEY, name text NOT NULL, vigil text NOT NULL,
            done_at timestamptz NOT NULL DEFAULT clock_timestamp()
        )
        """

    /// Status: 0 queued, 1 running, 2 succeeded, 3 failed, 4 cancelled. Times: `*_at` in milliseconds since 1970, which are shown;
    /// the others in nanoseconds of the database's clock. Texts are bytes, which no collation compares.
    ///
    /// `token` is that of the claim that holds the job, or has ended it; `lapsed` that of one that ran out, as long as nobody has
    /// had the job since. `lane` is 0 for what is soon done, 1 for what takes long, 2 for what one worker does most of. `turn` is
    /// its place in its client's line. `source` is the job whose input it has; NULL for its own.
    ///
    /// What holds of a row (``RowRules``) is no constraint: PostgreSQL reads each of them anew from its text for each statement, which
    /// takes a tenth of all that a job takes.
    private static let jobs = """
        CREATE TABLE jobs (
            id bytea PRIMARY KEY, status int2 NOT NULL, priority int2 NOT NULL, lane int2 NOT NULL,
            begun bool NOT NULL DEFAULT false, cancel_requested bool NOT NULL DEFAULT false,
            attempt int4 NOT NULL DEFAULT 0, strikes int4 NOT NULL DEFAULT 0,
            parts int4 NOT NULL, parts_done int4 NOT NULL DEFAULT 0,
            revision int4 NOT NULL DEFAULT 1, place int4 NOT NULL,
            turn int8 NOT NULL, inserted int8 NOT NULL, overdue int8, ended int8, lease_end int8,
            token int8, lapsed int8, input_bytes int8 NOT NULL,
            created_at int8 NOT NULL, deadline_at int8, started_at int8, finished_at int8,
            queued_ns int8, scored_ns int8, output_bytes int8,
            input_form int2 NOT NULL, input_floats bool NOT NULL, input_plain int8 NOT NULL, input_stored int8 NOT NULL,
            client bytea NOT NULL, model bytea NOT NULL, model_sha256 bytea, owner bytea, batch bytea, source bytea,
            kind bytea NOT NULL, name bytea, callback bytea, receiver bytea, alerts bytea[], trace bytea, reuse_key bytea,
            failure_reason bytea, failure_detail bytea, input_sha256 bytea NOT NULL, output_sha256 bytea,
            subject bytea NOT NULL
        ) WITH (
            fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
            autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 1
        );
        CREATE INDEX jobs_ready ON jobs (lane, client, turn, id) WHERE status = 0;
        CREATE INDEX jobs_overdue ON jobs (overdue) WHERE status = 0 AND overdue IS NOT NULL;
        CREATE INDEX jobs_status ON jobs (status, id);
        CREATE INDEX jobs_ended ON jobs (ended) WHERE ended IS NOT NULL;
        CREATE INDEX jobs_model ON jobs (model, id);
        CREATE INDEX jobs_owner ON jobs (owner, id) WHERE owner IS NOT NULL;
        CREATE INDEX jobs_batch ON jobs (batch, place) WHERE batch IS NOT NULL;
        CREATE INDEX jobs_reuse ON jobs (reuse_key) WHERE reuse_key IS NOT NULL AND status = 2
        """

    /// Inputs and results in pieces, which are written once. A partition has those of the jobs that were made in one hour, and
    /// goes as a whole (``Partitions``). Small ones stay in their row, as far as a page has room (``Hours``).
    private static let bodies = """
        CREATE TABLE payloads (
            job bytea NOT NULL, piece int4 NOT NULL, body bytea NOT NULL, PRIMARY KEY (job, piece)
        ) PARTITION BY RANGE (job);
        ALTER TABLE payloads ALTER body SET STORAGE EXTERNAL;
        CREATE TABLE results (
            job bytea NOT NULL, token int8 NOT NULL, piece int4 NOT NULL, body bytea NOT NULL,
            PRIMARY KEY (job, token, piece)
        ) PARTITION BY RANGE (job);
        ALTER TABLE results ALTER body SET STORAGE EXTERNAL
        """

    private static let keys = """
        CREATE TABLE keys (
            client bytea NOT NULL, text bytea NOT NULL, fingerprint bytea NOT NULL, job bytea NOT NULL, batch bytea,
            PRIMARY KEY (client, text)
        );
        CREATE INDEX keys_job ON keys (job);
        CREATE INDEX keys_batch ON keys (batch) WHERE batch IS NOT NULL
        """

    private static let callbacks = """
        CREATE TABLE callbacks (
            job bytea PRIMARY KEY, url bytea NOT NULL, receiver bytea NOT NULL, ended int8 NOT NULL, due int8 NOT NULL,
            tries int4 NOT NULL DEFAULT 0 CHECK (tries >= 0), failed bool NOT NULL DEFAULT false
        );
        CREATE INDEX callbacks_due ON callbacks (receiver, failed, due, job)
        """

    /// What each place has to be told of a job, from its end on; before it there may be a mark alone.
    private static let alerts = """
        CREATE TABLE alerts (
            job bytea NOT NULL, place bytea NOT NULL, ended int8, due int8,
            tries int4 NOT NULL DEFAULT 0 CHECK (tries >= 0), mark bytea, PRIMARY KEY (job, place),
            CHECK ((ended IS NULL) = (due IS NULL))
        );
        CREATE INDEX alerts_due ON alerts (place, due, job) WHERE due IS NOT NULL
        """

    /// What people have put beside jobs, which says nothing to the store.
    private static let remarks = """
        CREATE TABLE remarks (
            job bytea PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
            revision int4 NOT NULL CHECK (revision > 0), bytes bytea NOT NULL
        )
        """

    /// What each account has had on a day, in days since 1970.
    private static let usage = """
        CREATE TABLE usage (
            account bytea PRIMARY KEY, day int8 NOT NULL, jobs int8 NOT NULL, bytes int8 NOT NULL, units int8 NOT NULL
        )
        """

    /// The work that each client has had, and the one that was served last. Whoever claims has the row of `lanes`, so that
    /// claims follow each other.
    private static let lines = """
        CREATE TABLE lanes (lane int2 PRIMARY KEY, served int8 NOT NULL);
        INSERT INTO lanes VALUES (0, 0), (1, 0), (2, 0);
        CREATE TABLE lines (lane int2, client bytea, tag int8 NOT NULL, PRIMARY KEY (lane, client))
        """

    /// The servers, and which models each of them serves, all where `every`; a minus before a kind of jobs says that it can't do
    /// those.
    private static let servers = """
        CREATE TABLE servers (
            id bytea PRIMARY KEY, name bytea NOT NULL, started_at int8 NOT NULL, seen int8 NOT NULL,
            every bool NOT NULL, models bytea[] NOT NULL, names bytea[] NOT NULL
        )
        """

    /// What scales servers: how much there is to do, and for how long it has waited.
    private static let backlog = """
        CREATE VIEW vigil_backlog AS
        SELECT count(*) FILTER (WHERE status = 0) AS queued, count(*) FILTER (WHERE status = 1) AS running,
            coalesce(sum(parts) FILTER (WHERE status = 0), 0) AS queued_parts,
            coalesce(extract(epoch FROM clock_timestamp()) * 1000 - min(created_at) FILTER (WHERE status = 0), 0) / 1000
                AS oldest_wait_seconds
        FROM jobs WHERE status <= 1
        """
}
