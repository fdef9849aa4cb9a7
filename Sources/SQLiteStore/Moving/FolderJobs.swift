import GRDB
import Jobs
import Platform

/// What a state folder has, for another store: its jobs one after another, by their IDs. The folder is one that no server has, and
/// that is whole; nobody begins with it meanwhile.
package struct FolderJobs {
    /// What has to be known before anything is moved.
    package struct Summary: Sendable {
        /// How many jobs there are, by status.
        package var jobs: [String: Int] = [:]
        /// How many have not ended, by their kind.
        package var openKinds: [(kind: String, jobs: Int)] = []
        /// How many have not ended, by their model.
        package var openModels: [(model: ModelID, jobs: Int)] = []
    }

    private static let most = 200
    private static let mostBytes = 32 << 20
    /// Times by the folder's own clock are not moved: those of day say the same.
    private static let clock = StoreClock(
        written: nil, latest: 0, wall: WallTime(milliseconds: 0), now: MonotonicTime(nanoseconds: 0))
    /// The first column behind those of `StoredJob`.
    private static let further = StoredJob.columns.utf8.count { $0 == UInt8(ascii: ",") } + 1

    /// What is there.
    package let summary: Summary
    private let reader: FolderReader
    private let files: BodyFiles

    /// - Throws: where there is no such folder, a server has it, or not all of it is what was stored
    package init(of path: String) throws(StateError) {
        let report = try FolderReport(of: path)
        // Models are not moved: servers have their own.
        if let damage = report.damages.first(where: { !$0.path.begins(with: StatePlaces(folder: path).models) }) {
            throw .damaged(path: damage.path, reason: damage.reason)
        }
        reader = try FolderReader(path)
        if let pid = reader.server { throw .inUse(folder: path, pid: pid > 0 ? pid : nil) }
        files = BodyFiles(folder: reader.places.files)
        do {
            summary = try reader.reading { queue in
                guard try queue.inDatabase(Schema.migrator.hasCompletedMigrations) else {
                    throw StateError.unusable(
                        path: path + "/jobs.sqlite",
                        reason: "an older Vigil has written it: begin this one with it first")
                }
                return try queue.inDatabase { db in try Self.summary(db, jobs: report.jobs) }
            }
        } catch { throw StateError(error, at: reader.places.database) }
    }

    /// Where the videos are that jobs wait with.
    package var videosPath: String { reader.places.videos }

    private static func summary(_ db: Database, jobs: [String: Int]) throws -> Summary {
        var summary = Summary(jobs: jobs)
        let open = "WHERE status IN (0, 1)"
        for row in try Row.fetchAll(db, sql: "SELECT kind, count(*) FROM jobs \(open) GROUP BY kind ORDER BY kind") {
            let columns = Columns(row: row)
            summary.openKinds.append((try columns.text(0), try columns.int(1)))
        }
        let sql = "SELECT model, model_sha256, count(*) FROM jobs \(open) GROUP BY model, model_sha256 ORDER BY model"
        for row in try Row.fetchAll(db, sql: sql) {
            let columns = Columns(row: row)
            let model = ModelID(name: try columns.text(0), sha256: try columns.optionalText(1))
            summary.openModels.append((model, try columns.int(2)))
        }
        return summary
    }

    /// The next jobs: so many that their bodies have room in memory, at least one; none where there are no more.
    ///
    /// - Parameter last: the one after which they come
    package func next(after last: JobID?) throws(StateError) -> [MovedJob] {
        do {
            return try reader.reading { queue in
                try queue.inDatabase { db in
                    let rows = try Row.fetchCursor(
                        db,
                        sql: """
                            SELECT \(StoredJob.columns), place, reuse_key FROM jobs WHERE id > ? ORDER BY id LIMIT ?
                            """, arguments: [Blob(last?.bytes ?? []), Self.most])
                    var jobs: [MovedJob] = []
                    var bytes = 0
                    while let row = try rows.next() {
                        let job = try moved(row, db, isFirst: jobs.isEmpty, room: Self.mostBytes - bytes)
                        guard let job else { break }
                        bytes += job.bytes
                        jobs.append(job)
                    }
                    return jobs
                }
            }
        } catch { throw StateError(error, at: reader.places.database) }
    }

    /// A job with all there is of it; nil where that has no room, unless it is the first.
    private func moved(_ row: Row, _ db: Database, isFirst: Bool, room: Int) throws -> MovedJob? {
        let stored = try StoredJob(row, clock: Self.clock)
        let columns = Columns(row: row)
        var job = stored.job
        let endsNow = job.status == .running && stored.isCancelRequested
        if job.status == .running {
            // Nobody has it any more.
            if endsNow {
                job.status = .cancelled
                job.finishedAt = SystemClock().wall
            } else {
                job.status = .queued
                job.startedAt = nil
                job.partsDone = 0
            }
            job.revision += 1
        }
        let bodies = BodyRows(db: db)
        let payload = job.status.isEnded ? nil : try bodies.payload(job.id)
        let result = job.status == .succeeded ? try bodies.result(job.id) : nil
        if !job.status.isEnded, payload == nil { throw StoreFault.refused(.damaged(job.id, "its input is not there")) }
        if job.status == .succeeded, result == nil {
            throw StoreFault.refused(.damaged(job.id, "its result is not there"))
        }
        guard isFirst || (payload?.place.bytes ?? 0) + (result?.place.bytes ?? 0) <= room else { return nil }
        var input: MovedJob.Input?
        if let payload {
            let subject = payload.options.isEmpty ? job.subject.bytes : payload.options
            let body = try body(payload.place, file: BodyFiles.inputName(job.id), subject: subject, of: job.id)
            input = MovedJob.Input(
                form: payload.form.rawValue, plain: payload.plain, areFloats: payload.areFloats, body: body)
        }
        return MovedJob(
            job: job, place: try columns.int(Self.further), reuseKey: try columns.optionalText(Self.further + 1),
            input: input,
            output: try result.map { try body($0.place, file: $0.file ?? "", subject: [], of: job.id) },
            keys: try Self.keys(of: job.id, db),
            callbackTries: endsNow && job.callback != nil ? 0 : try Self.callbackTries(of: job.id, db),
            alerts: try endsNow ? alertsAtEnd(of: job, db) : AlertRows(db: db).moved(job.id),
            remarks: try RemarkRows(db: db).remarks(job.id))
    }

    /// What places have to be told of a job that ends by being moved.
    private func alertsAtEnd(of job: Job, _ db: Database) throws -> [MovedJob.Alert] {
        let marks = try AlertRows(db: db).moved(job.id)
        return job.alerts.map { place in
            let mark = marks.first { $0.place.hasBytes(of: place) }?.mark
            return MovedJob.Alert(place: place, tries: 0, mark: mark, isDue: true)
        }
    }

    /// A body, checked against what was stored.
    private func body(_ place: BodyRows.Place, file: String, subject: [UInt8], of job: JobID) throws -> [UInt8] {
        let body = try place.body ?? files.read(file, bytes: place.bytes, of: job)
        guard StoredBody.digest(body, subject: subject) == place.sha256 else {
            throw StoreFault.refused(.damaged(job, "a body is not the one that was stored: its SHA-256 differs"))
        }
        return body
    }

    private static func keys(of job: JobID, _ db: Database) throws -> [MovedJob.Key] {
        let sql = "SELECT client, text, fingerprint, batch FROM keys WHERE job = ?"
        return try Row.fetchAll(db.cachedStatement(sql: sql), arguments: [job.blob]).map { row in
            let columns = Columns(row: row)
            return MovedJob.Key(
                client: try columns.text(0), text: try columns.text(1), fingerprint: try columns.text(2),
                batch: try columns.optionalID(3).map { BatchID($0) })
        }
    }

    private static func callbackTries(of job: JobID, _ db: Database) throws -> Int? {
        let sql = "SELECT tries FROM callbacks WHERE job = ?"
        return try Row.fetchOne(db.cachedStatement(sql: sql), arguments: [job.blob]).map { try Columns(row: $0).int(0) }
    }

    /// What each account has handed in on its last day.
    package func usage() throws(StateError) -> [(account: String, usage: DailyUsage)] {
        do {
            return try reader.reading { queue in
                try queue.inDatabase { db in
                    try Row.fetchAll(db, sql: "SELECT account, day, jobs, bytes, units FROM usage").map { row in
                        let columns = Columns(row: row)
                        let usage = DailyUsage(
                            day: try columns.int64(1), jobs: try columns.int(2), bytes: try columns.int(3),
                            units: try columns.int(4))
                        return (try columns.text(0), usage)
                    }
                }
            }
        } catch { throw StateError(error, at: reader.places.database) }
    }
}
