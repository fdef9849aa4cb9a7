import Jobs
import Platform

/// The jobs that have not ended, as a ``JobTable``: it says where each stands in the queue by the very rules by which a store of
/// one process says it. What may be done is decided by statements; this only tells of it.
struct LiveView: Sendable {
    var table: JobTable
    /// When the database was read.
    let at: MonotonicTime
    /// How long that took.
    let took: Duration

    /// Reads it.
    ///
    /// - Parameters:
    ///   - served: what this server serves; the others are looked up
    static func read(
        _ session: Session, _ time: StoreTime, served: OwnModels, settings: JobTable.Settings
    ) throws(PostgresError) -> LiveView {
        let began = MonotonicTime.now
        let asked = time.clock.now
        let answers = try session.run([
            Self.byIndexes,
            Statement(
                "WITH \(StoreTime.table) SELECT now FROM t", time.values),
            Statement(
                """
                SELECT id, status, priority, client, model, model_sha256, parts, parts_done, inserted, input_bytes, kind
                FROM jobs WHERE status <= 1
                """),
            Statement("SELECT lane, client, tag FROM lines"), Statement("SELECT lane, served FROM lanes"),
            served.others(time),
        ])
        let now = time.clock.now
        guard let stored = try answers[1].first?.int(0) else { throw .unreadable("the time is not there") }
        let moment = Moment(stored: stored, own: time.isGiven ? now : asked + (now - asked) / 2)
        let union = try served.models(with: answers[5])
        var table = JobTable(settings: settings, served: JobTable.Served(union, missing: .wait))
        for index in 0..<answers[2].count {
            table.add(try record(answers[2][index], moment, lease: settings.lease))
        }
        var tags: [JobTable.LineTag] = []
        for index in 0..<answers[3].count {
            let row = answers[3][index]
            tags.append(
                JobTable.LineTag(
                    try lane(row), client: try row.text(1), tag: Int(clamping: try row.int(2))))
        }
        var served: [ClaimLimit.Lane: Int] = [:]
        for index in 0..<answers[4].count {
            let row = answers[4][index]
            served[try lane(row)] = Int(clamping: try row.int(1))
        }
        table.restore(tags, served: served)
        return LiveView(table: table, at: MonotonicTime.now, took: .now - began)
    }

    /// For the rest of a transaction: what has ended is passed over by an index, where a table that seems small would be read as a whole.
    /// A table without one seems so dear then that its statement would be compiled, for half a second.
    private static let byIndexes = Statement(
        """
        SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
            set_config('jit', 'off', true)
        """)

    private static func lane(_ row: Row) throws(PostgresError) -> ClaimLimit.Lane {
        guard let lane = LaneCode.lane(try row.int(0)) else { throw .unreadable("there is no such lane") }
        return lane
    }

    /// What is needed of a job to say where it stands.
    private static func record(
        _ row: Row, _ moment: Moment, lease: Duration
    ) throws(PostgresError) -> JobRecord {
        guard let status = StatusCode.status(try row.count(1)), let priority = Priority(rawValue: try row.count(2))
        else {
            throw .unreadable("a job's row has a status or a priority that there is not")
        }
        let id = try row.id(0)
        let job = Job(
            id: id, status: status, name: nil, client: try row.text(3), owner: nil, trace: nil, batch: nil,
            priority: priority, kind: try row.text(10), subject: nothing, model: try row.text(4),
            modelSHA256: try row.optionalText(5), inputBytes: try row.count(9), callback: nil, alerts: [],
            createdAt: id.madeAt, deadline: nil, startedAt: nil, finishedAt: nil, attempt: status == .running ? 1 : 0,
            parts: try row.count(6), partsDone: try row.count(7), failure: nil, timings: nil, outputBytes: nil,
            revision: 1)
        var record = JobRecord(
            job: job, input: nil, outputEstimate: 0, insertedAt: moment.own(try row.int(8)), overdueAt: nil)
        if status == .running {
            record.holder = ClaimToken(job: id, secret: 0)
            record.leaseEnd = moment.own + lease
        }
        return record
    }

    private static let nothing = JobSubject([])

    /// The job with its place in the queue, as far as it is here as it was there.
    func placed(_ job: Job) -> Job {
        guard !job.status.isEnded, let shown = table.job(job.id), shown.status == job.status else { return job }
        var placed = job
        placed.queuePosition = shown.queuePosition
        placed.partsAhead = shown.partsAhead
        placed.partsBefore = shown.partsBefore
        placed.isModelMissing = shown.isModelMissing
        return placed
    }
}

/// The models that this server serves, as statements take them.
struct OwnModels: Sendable {
    let models: ServedModels
    let missing: MissingModel
    /// By which this server is known to the others.
    let server: [UInt8]
    /// How long a server is there that says nothing.
    let lease: Duration

    /// By what nobody is mistaken for a model's digest.
    private static let minus = "-"

    private var kinds: [String] { models.missingKinds }
    private var offer: Value { .texts(models.all.compactMap(\.sha256) + kinds.map { Self.minus + $0 }) }

    /// What ``isServed(_:every:own:lease:)`` and ``isOwn(_:every:own:)`` take, in their order.
    var values: [Value] { [.bool(models.isEvery), offer, .int(lease.wholeNanoseconds)] }

    /// Whether this server can do a job: serves its model, and can do its kind where that is asked too. A model of unknown digest is
    /// served by none.
    static func isOwn(_ table: String, every: Int, own: Int, ofKind: Bool = true) -> String {
        let model = "($\(every)::bool OR coalesce(\(table).model_sha256 = ANY ($\(own)::bytea[]), false))"
        guard ofKind else { return model }
        return "(\(model) AND ('\(minus)'::bytea || \(table).kind = ANY ($\(own)::bytea[])) IS NOT TRUE)"
    }

    /// Whether any server can that is there.
    static func isServed(_ table: String, every: Int, own: Int, lease: Int, ofKind: Bool = true) -> String {
        let kind = ofKind ? "AND ('\(minus)'::bytea || \(table).kind = ANY (s.models)) IS NOT TRUE" : ""
        return """
            (\(isOwn(table, every: every, own: own, ofKind: ofKind)) OR EXISTS (
                SELECT 1 FROM servers AS s WHERE s.seen > t.now - $\(lease)::int8
                AND (s.every OR \(table).model_sha256 = ANY (s.models)) \(kind)
            ))
            """
    }

    /// What the others serve.
    func others(_ time: StoreTime) -> Statement {
        Statement(
            """
            WITH \(StoreTime.table) SELECT s.every, s.models, s.names FROM servers AS s, t
            WHERE s.id <> $3::bytea AND s.seen > t.now - $4::int8
            """, time.values + [.blob(server), .int(lease.wholeNanoseconds)])
    }

    /// What this one and the others serve. A kind is missing where each of them misses it.
    func models(with others: Rows) throws(PostgresError) -> ServedModels {
        var isEvery = models.isEvery
        var names: [String: String] = [:]
        var missing = Set(kinds.map { ByteText($0) })
        for index in 0..<others.count {
            let row = others[index]
            if try row.bool(0) { isEvery = true }
            var theirs: Set<ByteText> = []
            for (digest, name) in zip(try row.texts(1), try row.texts(2)) {
                if let kind = digest.rest(after: Self.minus) {
                    theirs.insert(ByteText(String(kind)))
                } else {
                    names[digest] = name
                }
            }
            missing.formIntersection(theirs)
        }
        for model in models.all { if let digest = model.sha256 { names[digest] = model.name } }
        return missing.reduce(isEvery ? .every : ServedModels(names)) { $0.without(kind: $1.text) }
    }

    /// Tells the others.
    func heartbeat(_ time: StoreTime, _ presence: Presence) -> Statement {
        Statement(
            """
            WITH \(StoreTime.table) INSERT INTO servers (
                id, name, started_at, seen, every, models, names, version, workers, running, draining
            )
            SELECT $3::bytea, $4::bytea, wall, now, $5::bool, $6::bytea[], $7::bytea[], $8::bytea, $9::int8, $10::int8,
                $11::bool FROM t
            ON CONFLICT (id) DO UPDATE SET seen = excluded.seen, every = excluded.every, models = excluded.models,
                names = excluded.names, workers = excluded.workers, running = excluded.running,
                draining = excluded.draining
            """,
            time.values + [
                .blob(server), .text(presence.name), .bool(models.isEvery), offer,
                .texts(models.all.map(\.name) + kinds.map { _ in "" }), .text(presence.version),
                .int(presence.activity.workers), .int(presence.activity.running), .bool(presence.activity.isDraining),
            ])
    }
}
