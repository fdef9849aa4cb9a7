import GRDB
import Jobs
import Platform

/// A job as its row says it is.
struct StoredJob {
    let job: Job
    let outputEstimate: Int
    let insertedAt: MonotonicTime
    let overdueAt: MonotonicTime?
    let endedAt: MonotonicTime?
    let holder: ClaimToken?
    let isCancelRequested: Bool
    let isSuspect: Bool

    /// What `init` reads, in its order.
    static let columns = """
        id, status, priority, client, model, name, kind, input_bytes, parts, subject, model_sha256, batch,
        callback, created_at, deadline_at, started_at, finished_at, attempt, parts_done, failure_reason,
        failure_detail, queued_ns, scored_ns, output_bytes, revision, output_estimate, inserted, overdue, ended,
        token, cancel_requested, suspect, owner, trace, alerts
        """

    /// Throws `unreadable` where the row is not one of a job.
    init(_ row: Row, clock: StoreClock) throws {
        let columns = Columns(row: row)
        let id = try columns.id(0)
        guard let status = StatusCode.status(try columns.int(1)), let priority = Priority(rawValue: try columns.int(2))
        else { throw StoreFault.unreadable("its row has a status or a priority that there is not") }
        job = Job(
            id: id, status: status, name: try columns.optionalText(5), client: try columns.text(3),
            owner: try columns.optionalText(32), trace: try columns.optionalText(33),
            batch: try columns.optionalID(11).map { BatchID($0) }, priority: priority,
            kind: try columns.text(6), subject: JobSubject(try columns.bytes(9)), model: try columns.text(4),
            modelSHA256: try columns.optionalText(10), inputBytes: try columns.int(7),
            callback: try columns.optionalText(12),
            alerts: try columns.optionalText(34)?.pieces(between: ASCII.comma).map { String($0) } ?? [],
            createdAt: WallTime(milliseconds: try columns.int64(13)),
            deadline: try columns.optionalInt64(14).map { WallTime(milliseconds: $0) },
            startedAt: try columns.optionalInt64(15).map { WallTime(milliseconds: $0) },
            finishedAt: try columns.optionalInt64(16).map { WallTime(milliseconds: $0) },
            attempt: try columns.int(17), parts: try columns.int(8), partsDone: try columns.int(18),
            failure: try Self.failure(columns), timings: try Self.timings(columns),
            outputBytes: try columns.optionalInt(23), revision: try columns.int(24))
        outputEstimate = try columns.int(25)
        insertedAt = clock.read(try columns.int64(26))
        overdueAt = try columns.optionalInt64(27).map(clock.read)
        endedAt = try columns.optionalInt64(28).map(clock.read)
        holder = try columns.optionalInt64(29).map { ClaimToken(job: id, secret: UInt64(bitPattern: $0)) }
        isCancelRequested = try columns.int(30) != 0
        isSuspect = try columns.int(31) != 0
    }

    private static func failure(_ columns: Columns) throws -> JobFailure? {
        guard let reason = try columns.optionalText(19) else { return nil }
        return JobFailure(reason: reason, detail: try columns.optionalText(20) ?? "")
    }

    private static func timings(_ columns: Columns) throws -> JobTimings? {
        guard let queued = try columns.optionalInt64(21), let scored = try columns.optionalInt64(22) else { return nil }
        return JobTimings(queued: .nanoseconds(queued), scored: .nanoseconds(scored))
    }

    /// The record of a job that has not ended.
    var record: JobRecord {
        var record = JobRecord(
            job: job, input: nil, outputEstimate: outputEstimate, insertedAt: insertedAt, overdueAt: overdueAt)
        record.holder = holder
        record.isCancelRequested = isCancelRequested
        record.isSuspect = isSuspect
        return record
    }
}

/// The numbers of the statuses, which stay what they are.
enum StatusCode {
    private static let order: [JobStatus] = [.queued, .running, .succeeded, .failed, .cancelled]

    static subscript(status: JobStatus) -> Int {
        switch status {
        case .queued: 0
        case .running: 1
        case .succeeded: 2
        case .failed: 3
        case .cancelled: 4
        }
    }

    static func status(_ code: Int) -> JobStatus? { order.indices.contains(code) ? order[code] : nil }
}

extension Duration {
    /// In whole nanoseconds, at most what fits.
    var nanosecondsClamped: Int64 { MonotonicTime(nanoseconds: 0).advanced(by: self).nanoseconds }
}
