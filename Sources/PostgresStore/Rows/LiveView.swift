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
            Statement(
                "WITH \(StoreTime.table) SELECT now FROM t", time.values),
            Statement(
                """
                SELECT id, status, priority, client, model, model_sha256, parts, parts_done, inserted, input_bytes
                FROM jobs WHERE status <= 1
                """),
            Statement("SELECT lane, client, tag FROM lines"), Statement("SELECT lane, served FROM lanes"),
            served.others(time),
        ])
        let now = time.clock.now
        guard let stored = try answers[0].first?.int(0) else { throw .unreadable("the time is not there") }
        let moment = Moment(stored: stored, own: time.isGiven ? now : asked + (now - asked) / 2)
        let union = try served.models(with: answers[4])
        var table = JobTable(settings: settings, served: JobTable.Served(union, missing: .wait))
        for index in 0..<answers[1].count {
            table.add(try record(answers[1][index], moment, lease: settings.lease))
        }
        var tags: [JobTable.LineTag] = []
        for index in 0..<answers[2].count {
            let row = answers[2][index]
            tags.append(
                JobTable.LineTag(
                    isLong: try row.int(0) == 1, client: try row.text(1), tag: Int(clamping: try row.int(2))))
        }
        var served: [Bool: Int] = [:]
        for index in 0..<answers[3].count {
            let row = answers[3][index]
            served[try row.int(0) == 1] = Int(clamping: try row.int(1))
        }
        table.restore(tags, served: (short: served[false] ?? 0, long: served[true] ?? 0))
        return LiveView(table: table, at: MonotonicTime.now, took: .now - began)
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
            priority: priority, kind: "", subject: nothing, model: try row.text(4),
            modelSHA256: try row.optionalText(5), inputBytes: try row.count(9), callback: nil,
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

    var isEvery: Bool { models == .every }
    private var digests: Value { .texts(models.all.compactMap(\.sha256)) }

    /// What ``isServed(_:every:own:lease:)`` and ``isOwn(_:every:own:)`` take, in their order.
    var values: [Value] { [.bool(isEvery), digests, .int(lease.wholeNanoseconds)] }

    /// Whether this server serves a job's model; a model of unknown digest is served by none.
    static func isOwn(_ table: String, every: Int, own: Int) -> String {
        "($\(every)::bool OR coalesce(\(table).model_sha256 = ANY ($\(own)::bytea[]), false))"
    }

    /// Whether any server does that is there.
    static func isServed(_ table: String, every: Int, own: Int, lease: Int) -> String {
        """
        (\(isOwn(table, every: every, own: own)) OR EXISTS (
            SELECT 1 FROM servers AS s WHERE s.seen > t.now - $\(lease)::int8
            AND (s.every OR \(table).model_sha256 = ANY (s.models))
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

    /// What this one and the others serve.
    func models(with others: Rows) throws(PostgresError) -> ServedModels {
        if isEvery { return .every }
        var names: [String: String] = [:]
        for index in 0..<others.count {
            let row = others[index]
            if try row.bool(0) { return .every }
            for (digest, name) in zip(try row.blobs(1), try row.blobs(2)) {
                names[String(decoding: digest, as: UTF8.self)] = String(decoding: name, as: UTF8.self)
            }
        }
        for model in models.all { if let digest = model.sha256 { names[digest] = model.name } }
        return ServedModels(names)
    }

    /// Tells the others.
    func heartbeat(_ time: StoreTime, name: String) -> Statement {
        Statement(
            """
            WITH \(StoreTime.table) INSERT INTO servers (id, name, started_at, seen, every, models, names)
            SELECT $3::bytea, $4::bytea, wall, now, $5::bool, $6::bytea[], $7::bytea[] FROM t
            ON CONFLICT (id) DO UPDATE SET seen = excluded.seen, every = excluded.every, models = excluded.models,
                names = excluded.names
            """,
            time.values + [
                .blob(server), .text(name), .bool(isEvery), digests, .texts(models.all.map(\.name)),
            ])
    }
}
