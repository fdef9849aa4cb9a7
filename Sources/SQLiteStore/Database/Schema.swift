import GRDB

/// The tables, as named steps that are done once each.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("jobs") { db in try db.execute(sql: jobs) }
        migrator.registerMigration("payloads and results") { db in try db.execute(sql: payloads) }
        migrator.registerMigration("keys") { db in try db.execute(sql: keys) }
        migrator.registerMigration("callbacks") { db in try db.execute(sql: callbacks) }
        migrator.registerMigration("clock") { db in try db.execute(sql: clock) }
        migrator.registerMigration("models") { db in try db.execute(sql: models) }
        migrator.registerMigration("clock jumps") { db in try db.execute(sql: jumps) }
        migrator.registerMigration("witness") { db in try db.execute(sql: witness) }
        migrator.registerMigration("callbacks by receiver") { db in try db.execute(sql: receivers) }
        migrator.registerMigration("kinds") { db in try KindStep(db: db).run() }
        migrator.registerMigration("owners") { db in try OwnerStep(db: db).run() }
        migrator.registerMigration(listing) { db in try db.execute(sql: byModel) }
        migrator.registerMigration("remarks") { db in try db.execute(sql: remarks) }
        migrator.registerMigration("alerts") { db in try db.execute(sql: alerts) }
        return migrator
    }

    /// Whether all steps that are left, and all that is done later, change few rows by each statement: what SQLite writes down
    /// to change back what a statement did then has room in memory, and needs no temporary file.
    static func hasSmallStatements(_ db: Database) throws -> Bool {
        let done = try migrator.appliedIdentifiers(db)
        return done.isEmpty || done.contains(listing)
    }

    private static let listing = "jobs by model"

    /// What people have put beside jobs, which says nothing to the store.
    private static let remarks = """
        CREATE TABLE remarks (
            job BLOB PRIMARY KEY CHECK (length(job) = 16),
            revision INTEGER NOT NULL CHECK (revision > 0), bytes BLOB NOT NULL
        );
        """

    /// Status: 0 queued, 1 running, 2 succeeded, 3 failed, 4 cancelled. Times: `*_at` in milliseconds since 1970, which
    /// are shown; the others in nanoseconds of the store's clock.
    private static let jobs = """
        CREATE TABLE jobs (
            id BLOB PRIMARY KEY CHECK (length(id) = 16),
            status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 4),
            priority INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 2),
            client TEXT NOT NULL, model TEXT NOT NULL, name TEXT,
            snippets INTEGER NOT NULL CHECK (snippets >= 0), input_bytes INTEGER NOT NULL CHECK (input_bytes >= 0),
            parts INTEGER NOT NULL CHECK (parts > 0), output_estimate INTEGER NOT NULL, features_sha256 TEXT NOT NULL, warnings TEXT NOT NULL,
            batch BLOB, place INTEGER NOT NULL, callback TEXT, reuse_key TEXT,
            created_at INTEGER NOT NULL, deadline_at INTEGER, started_at INTEGER, finished_at INTEGER,
            inserted INTEGER NOT NULL, overdue INTEGER, ended INTEGER,
            attempt INTEGER NOT NULL CHECK (attempt >= 0), parts_done INTEGER NOT NULL, token INTEGER,
            cancel_requested INTEGER NOT NULL DEFAULT 0, suspect INTEGER NOT NULL DEFAULT 0,
            failure_reason TEXT, failure_detail TEXT, queued_ns INTEGER, scored_ns INTEGER,
            output_bytes INTEGER, revision INTEGER NOT NULL,
            CHECK ((token IS NOT NULL) = (status = 1)),
            CHECK (status <> 1 OR attempt > 0),
            CHECK (parts_done BETWEEN 0 AND parts),
            CHECK ((overdue IS NOT NULL) = (deadline_at IS NOT NULL)),
            CHECK ((ended IS NOT NULL) = (status >= 2)),
            CHECK ((finished_at IS NOT NULL) = (status >= 2)),
            CHECK ((output_bytes IS NOT NULL) = (status = 2)),
            CHECK ((failure_reason IS NOT NULL) = (status = 3))
        ) WITHOUT ROWID;
        CREATE INDEX jobs_live ON jobs (id) WHERE status <= 1;
        CREATE INDEX jobs_ended ON jobs (ended, status, output_bytes) WHERE ended IS NOT NULL;
        CREATE INDEX jobs_status ON jobs (status, id);
        CREATE INDEX jobs_batch ON jobs (batch, place) WHERE batch IS NOT NULL;
        CREATE INDEX jobs_reuse ON jobs (reuse_key) WHERE reuse_key IS NOT NULL AND status = 2;
        """

    /// A body is here, or in a file where it is NULL: an input in one that goes by the job's name, a result in the one
    /// that its row names. Rows are written once and removed.
    private static let payloads = """
        CREATE TABLE payloads (
            job BLOB PRIMARY KEY CHECK (length(job) = 16),
            form INTEGER NOT NULL CHECK (form BETWEEN 0 AND 3), width INTEGER NOT NULL CHECK (width >= 0),
            options BLOB NOT NULL,
            bytes INTEGER NOT NULL, sha256 BLOB NOT NULL CHECK (length(sha256) = 32), body BLOB,
            expires INTEGER
        );
        CREATE INDEX payloads_expires ON payloads (expires) WHERE expires IS NOT NULL;
        CREATE INDEX payloads_files ON payloads (job) WHERE body IS NULL;
        CREATE TABLE results (
            job BLOB PRIMARY KEY CHECK (length(job) = 16),
            bytes INTEGER NOT NULL, sha256 BLOB NOT NULL CHECK (length(sha256) = 32), body BLOB, file TEXT,
            CHECK ((body IS NULL) = (file IS NOT NULL))
        );
        CREATE INDEX results_files ON results (file) WHERE file IS NOT NULL;
        """

    private static let keys = """
        CREATE TABLE keys (
            client TEXT NOT NULL, text TEXT NOT NULL, fingerprint TEXT NOT NULL,
            batch BLOB, job BLOB NOT NULL, jobs INTEGER NOT NULL CHECK (jobs >= 0),
            PRIMARY KEY (client, text)
        ) WITHOUT ROWID;
        CREATE INDEX keys_job ON keys (job);
        CREATE INDEX keys_batch ON keys (batch) WHERE batch IS NOT NULL;
        """

    private static let callbacks = """
        CREATE TABLE callbacks (
            job BLOB PRIMARY KEY CHECK (length(job) = 16),
            url TEXT NOT NULL, tries INTEGER NOT NULL CHECK (tries >= 0),
            due INTEGER NOT NULL, leased INTEGER NOT NULL DEFAULT 0
        ) WITHOUT ROWID;
        CREATE INDEX callbacks_due ON callbacks (due);
        """

    /// One row: the store's time, and the time of day that it was then.
    private static let clock = """
        CREATE TABLE clock (one INTEGER PRIMARY KEY CHECK (one = 1), store INTEGER NOT NULL, wall INTEGER NOT NULL);
        """

    /// The digest of each job's model, NULL where it is not known: a job of before has none until a model of its name is
    /// served, and one that had ended by then never gets one.
    private static let models = "ALTER TABLE jobs ADD COLUMN model_sha256 TEXT"

    /// What of the store's time is not believed yet, NULL where all of it is.
    private static let jumps = """
        ALTER TABLE clock ADD COLUMN jump_since INTEGER;
        ALTER TABLE clock ADD COLUMN jump_wall INTEGER;
        ALTER TABLE clock ADD COLUMN jump_length INTEGER;
        """
    /// From here on each transaction that changes something has a number, which the witness beside the database has too.
    private static let witness = "PRAGMA user_version = 1"

    /// The notes of each receiver in their order, those that failed before by themselves.
    private static let receivers =
        "CREATE INDEX callbacks_receivers ON callbacks (\(CallbackRows.receiver), tries > 0, due)"

    /// Whose each job is, NULL where it is nobody's, and what follows its request. What each account has had is told by the
    /// day, in days since 1970.
    static let owners = """
        ALTER TABLE jobs ADD COLUMN owner TEXT;
        ALTER TABLE jobs ADD COLUMN trace TEXT;
        CREATE INDEX jobs_owner ON jobs (owner, id) WHERE owner IS NOT NULL;
        CREATE INDEX jobs_owner_status ON jobs (owner, status, id) WHERE owner IS NOT NULL;
        CREATE TABLE usage (
            account TEXT PRIMARY KEY, day INTEGER NOT NULL, jobs INTEGER NOT NULL CHECK (jobs >= 0),
            bytes INTEGER NOT NULL CHECK (bytes >= 0), units INTEGER NOT NULL CHECK (units >= 0)
        ) WITHOUT ROWID;
        """

    /// The server's own places that are told of a job, between commas, NULL for none; what each has to be told of, from a job's
    /// end on, and how far it has been.
    private static let alerts = """
        ALTER TABLE jobs ADD COLUMN alerts TEXT;
        CREATE TABLE alerts (
            job BLOB NOT NULL CHECK (length(job) = 16), place TEXT NOT NULL,
            due INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
            leased INTEGER NOT NULL DEFAULT 0, mark BLOB, PRIMARY KEY (job, place)
        ) WITHOUT ROWID;
        CREATE INDEX alerts_due ON alerts (place, due);
        """

    /// Lists by model. Jobs that have not ended are found by their status, so that a job costs no more pages than before.
    private static let byModel = """
        DROP INDEX jobs_live;
        CREATE INDEX jobs_model ON jobs (model, id);
        CREATE INDEX jobs_owner_model ON jobs (owner, model, id) WHERE owner IS NOT NULL;
        """
}
