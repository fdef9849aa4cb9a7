import Jobs
import Platform

/// A job as its row says it is, with what else there is to know of it.
struct JobRow: Sendable {
    var job: Job
    /// When it came, is too late and has ended, by the database's clock.
    let inserted: Int64
    let overdue: Int64?
    let ended: Int64?
    let token: Int64?
    let isCancelRequested: Bool
    /// The job whose input it has.
    let source: JobID
    /// Whether others have its input too.
    let isShared: Bool
    let input: InputFacts
    let outputSHA256: [UInt8]?

    /// What its input has to be.
    struct InputFacts: Sendable {
        let form: Int
        let areFloats: Bool
        let plain: Int
        let stored: Int
        let sha256: [UInt8]
    }

    /// What `init` reads, in its order.
    static let names = [
        "id", "status", "priority", "client", "model", "name", "kind", "input_bytes", "parts", "subject",
        "model_sha256",
        "batch", "callback", "created_at", "deadline_at", "started_at", "finished_at", "attempt", "parts_done",
        "failure_reason", "failure_detail", "queued_ns", "scored_ns", "output_bytes", "revision", "inserted", "overdue",
        "ended", "token", "cancel_requested", "owner", "trace", "source", "input_form", "input_floats", "input_plain",
        "input_stored", "input_sha256", "output_sha256", "alerts",
    ]

    /// The same of a table.
    static func columns(of table: String) -> String { names.map { "\(table).\($0)" }.joined(separator: ", ") }

    static let count = names.count

    init(_ row: Row) throws(PostgresError) {
        let id = try row.id(0)
        guard let status = StatusCode.status(try row.count(1)), let priority = Priority(rawValue: try row.count(2))
        else {
            throw .unreadable("the row of job \(id) has a status or a priority that there is not")
        }
        var failure: JobFailure?
        if let reason = try row.optionalText(19) {
            failure = JobFailure(reason: reason, detail: try row.optionalText(20) ?? "")
        }
        var timings: JobTimings?
        if let queued = try row.optionalInt(21), let scored = try row.optionalInt(22) {
            timings = JobTimings(queued: .nanoseconds(queued), scored: .nanoseconds(scored))
        }
        func time(_ column: Int) throws(PostgresError) -> WallTime? {
            try row.optionalInt(column).map { WallTime(milliseconds: $0) }
        }
        job = Job(
            id: id, status: status, name: try row.optionalText(5), client: try row.text(3),
            owner: try row.optionalText(30), trace: try row.optionalText(31),
            batch: try row.optionalID(11).map { BatchID($0) }, priority: priority, kind: try row.text(6),
            subject: JobSubject(try row.bytes(9)), model: try row.text(4), modelSHA256: try row.optionalText(10),
            inputBytes: try row.count(7), callback: try row.optionalText(12), alerts: try row.texts(39),
            createdAt: WallTime(milliseconds: try row.int(13)), deadline: try time(14), startedAt: try time(15),
            finishedAt: try time(16), attempt: try row.count(17), parts: try row.count(8),
            partsDone: try row.count(18), failure: failure, timings: timings,
            outputBytes: try row.optionalInt(23).map { Int($0) }, revision: try row.count(24))
        inserted = try row.int(25)
        overdue = try row.optionalInt(26)
        ended = try row.optionalInt(27)
        token = try row.optionalInt(28)
        isCancelRequested = try row.bool(29)
        let source = try row.optionalID(32)
        self.source = source ?? id
        isShared = source != nil
        input = InputFacts(
            form: try row.count(33), areFloats: try row.bool(34), plain: try row.count(35), stored: try row.count(36),
            sha256: try row.bytes(37))
        outputSHA256 = try row.optionalBytes(38)
    }

    /// The record that whoever claims it gets.
    func record(at moment: Moment, serialKinds: [String]) -> JobRecord {
        var record = JobRecord(
            job: job, input: nil, outputEstimate: 0, insertedAt: moment.own(inserted),
            overdueAt: overdue.map(moment.own))
        if job.status == .running, let token {
            record.holder = ClaimToken(job: job.id, secret: UInt64(bitPattern: token))
        }
        record.isCancelRequested = isCancelRequested
        record.isSerial = serialKinds.contains { $0.hasBytes(of: job.kind) }
        return record
    }
}

/// The numbers of the statuses, which stay what they are.
enum StatusCode {
    private static let order: [JobStatus] = [.queued, .running, .succeeded, .failed, .cancelled]

    static subscript(status: JobStatus) -> Int { order.firstIndex(of: status) ?? 0 }

    static func status(_ code: Int) -> JobStatus? { order.indices.contains(code) ? order[code] : nil }
}

/// The numbers of the lanes, which stay what they are.
enum LaneCode {
    private static let order: [ClaimLimit.Lane] = [.short, .long, .serial]

    static subscript(lane: ClaimLimit.Lane) -> Int { order.firstIndex(of: lane) ?? 0 }

    static func lane(_ code: Int64) -> ClaimLimit.Lane? {
        Int(exactly: code).flatMap { order.indices.contains($0) ? order[$0] : nil }
    }
}

extension ClaimToken {
    /// As it is stored.
    var stored: Int64 { Int64(bitPattern: secret) }
}
