public import Jobs
import Platform

extension SQLiteJobStore {
    /// Takes jobs out of the queue, and reads their inputs. A job whose input is damaged fails, by name, and the next one
    /// is taken in its place.
    public func claim(_ limit: ClaimLimit) async throws(JobStoreError) -> [ClaimedJob] {
        var claimed: [ClaimedJob] = []
        var left = limit
        while left.jobs > 0 {
            let records: [JobRecord]
            let now: MonotonicTime
            do throws(JobStoreError) { (records, now) = try await claimRecords(left) } catch {
                // Those that were claimed before are somebody's now.
                guard claimed.isEmpty else { break }
                throw error
            }
            var problem: JobStoreError?
            for record in records {
                do throws(JobStoreError) {
                    let begun = clock.now
                    let input = try await claimedInput(of: record.job)
                    if clock.now - begun > lease / 8 { keep(records) }
                    left.count(parts: record.job.parts, in: record.lane)
                    if let job = ClaimedJob(record, input: input, now: now) { claimed.append(job) }
                } catch {
                    if await !fail(record, error) { problem = error }
                }
            }
            if let problem {
                // The caller tries again later; what was claimed beside it is not held up.
                guard claimed.isEmpty else { break }
                throw problem
            }
            if records.isEmpty { break }
        }
        return claimed
    }

    /// Reading its input may be what ends the process. A job is the last one that was read until another is: some worker is
    /// at it by then.
    private static func note(_ job: JobID, in log: WorkFile?) {
        if let log { log.begin(job, worker: log.loader) }
    }

    /// Claims jobs, and says when: after whatever was committed before, such as the jobs themselves.
    private func claimRecords(
        _ limit: ClaimLimit
    ) async throws(JobStoreError) -> (records: [JobRecord], now: MonotonicTime) {
        let queued = live.withLock { $0.table.canBeClaimed(within: limit) ? $0.table.claimable : 0 }
        guard queued > 0 else { return ([], clock.now) }
        let secrets = random.withLock { random in (0..<min(limit.jobs, queued)).map { _ in random.next() as UInt64 } }
        let (clock, ttl) = (clock, settings.uploadTTL)
        let log = work.withLock { $0 }
        return try await writer.commit(.claim) { context in
            let (wall, now) = (clock.wall, clock.now)
            try context.endOverdue(wall: wall, now: now, uploadTTL: ttl)
            var claimed: [JobRecord] = []
            var left = limit
            defer { if let first = claimed.first { Self.note(first.job.id, in: log) } }
            for secret in secrets {
                let record = context.live.withLock {
                    $0.table.claim(secret: secret, wall: wall, now: now, within: &left)
                }
                guard let record else { break }
                try context.jobs.update(record)
                claimed.append(record)
            }
            return (claimed, now)
        }
    }

    /// The input, checked against what was stored.
    private func claimedInput(of job: Job) async throws(JobStoreError) -> JobBody {
        if let input = inputs.take(job.id) { return input }
        let id = job.id
        Self.note(id, in: work.withLock { $0 })
        guard let payload = try await database.read({ try BodyRows(db: $0).payload(id) }) else {
            throw .damaged(id, "its input is not there")
        }
        return try await read(payload, of: job)
    }

    /// What a job is about, for as long as it is kept.
    public func input(of job: Job) async throws(JobStoreError) -> JobBody? {
        let id = job.id
        guard let payload = try await database.read({ try BodyRows(db: $0).payload(id) }) else { return nil }
        do throws(JobStoreError) { return try await read(payload, of: job) } catch {
            // What has ended meanwhile, or was kept its time, is rightly gone.
            if case .damaged = error, try await database.read({ try BodyRows(db: $0).payload(id) }) == nil {
                return nil
            }
            throw error
        }
    }

    private func read(_ payload: BodyRows.Payload, of job: Job) async throws(JobStoreError) -> JobBody {
        let id = job.id
        return try await threads.run { [files] () throws(JobStoreError) in
            let body: [UInt8]
            if let row = payload.place.body {
                body = row
            } else {
                body = try files.read(BodyFiles.inputName(id), bytes: payload.place.bytes, of: id)
            }
            let subject = payload.options.isEmpty ? job.subject.bytes : payload.options
            guard StoredBody.digest(body, subject: subject) == payload.place.sha256 else {
                throw .damaged(id, "its input is not the one that was stored: its SHA-256 differs")
            }
            guard let input = payload.form.decode(body, plain: payload.plain, areFloats: payload.areFloats) else {
                throw .damaged(id, "its input can't be read")
            }
            return input
        }
    }

    /// Ends a job whose input is damaged, and says so; one that can't be read now goes back to the queue, and it is not
    /// its fault.
    private func fail(_ record: JobRecord, _ error: JobStoreError) async -> Bool {
        guard let token = record.holder else { return false }
        logger.error("the input of a job can't be read", metadata: ["job": "\(record.job.id)", "error": "\(error)"])
        do throws(JobStoreError) {
            guard case .damaged = error else {
                _ = try await release(token, as: .unspent)
                return false
            }
            let failure = JobFailure(reason: "damaged-job", detail: error.told)
            guard let job = try await complete(token, with: .failed(failure), timings: nil) else { return true }
            live.withLock { $0.overdue.append(Ended(job: job, files: [])) }
            return true
        } catch {
            logger.error("a job can't be given back", metadata: ["job": "\(record.job.id)", "error": "\(error)"])
            return false
        }
    }

    /// Lets the claims of a step last while inputs are read, which the disk may take its time for.
    private func keep(_ records: [JobRecord]) {
        let (wall, now) = (clock.wall, clock.now)
        live.withLock { live in
            for token in records.compactMap(\.holder) where !live.table.isLapsed(token) {
                _ = live.table.renew(token, wall: wall, now: now)
            }
        }
    }

    /// Lets claims last, which is as lasting as they are: with the process. Where one had run out, that it is good again is
    /// committed.
    public func renew(_ tokens: [ClaimToken]) async throws(JobStoreError) -> [Renewal] {
        let (wall, now) = (clock.wall, clock.now)
        let renewals = live.withLock { live -> [Renewal]? in
            guard !tokens.contains(where: live.table.isLapsed) else { return nil }
            return tokens.map { Renewal(live.table.renew($0, wall: wall, now: now).standing) }
        }
        if let renewals { return renewals }
        return try await writer.commit { context in
            try tokens.map { token in
                let (standing, record) = context.live.withLock { $0.table.renew(token, wall: wall, now: now) }
                if let record { try context.jobs.update(record) }
                return Renewal(standing, regained: record?.job)
            }
        }
    }

    /// Notes progress, which is as lasting as the claim: with the process.
    public func reportProgress(
        _ token: ClaimToken, partsDone: Int
    ) async throws(JobStoreError) -> ClaimStanding {
        live.withLock { $0.table.reportProgress(token, partsDone: partsDone) }
    }

    /// Has jobs claimed in the transactions of others' steps.
    public func offer(to taker: (any ClaimTaker)?) { idle.offer(to: taker) }

    /// Ends a job, and commits its output.
    public func complete(
        _ token: ClaimToken, with outcome: JobOutcome, timings: JobTimings?
    ) async throws(JobStoreError) -> Job? {
        try await complete(token, with: outcome, timings: timings, isAwaited: true)
    }

    /// Ends a job, and commits its output: with others where nobody waits for it.
    public func complete(
        _ token: ClaimToken, with outcome: JobOutcome, timings: JobTimings?, isAwaited: Bool
    ) async throws(JobStoreError) -> Job? {
        let (wall, now, ttl) = (clock.wall, clock.now, settings.uploadTTL)
        let result = try await result(of: outcome, by: token)
        let file = BodyFiles.resultName(token)
        var subject: JobSubject?
        if case .succeeded(let output) = outcome { subject = output.subject }
        if let result, result.isLarge {
            guard live.withLock({ $0.table.canEnd(token) }) else { return nil }
            try await write(result, to: file)
        }
        let ended: Ended? = try await writer.commit(.end(isAwaited: isAwaited)) { [subject] context in
            let record = context.live.withLock {
                $0.table.complete(token, with: outcome, timings: timings, wall: wall, now: now)
            }
            guard let record else { return nil }
            let isKept = record.output != nil
            return try context.end(
                record, result: isKept ? result : nil, subject: isKept ? subject : nil, file: file, uploadTTL: ttl)
        }
        if ended?.job.status != .succeeded, result?.isLarge == true { await remove([file]) }
        return await cleanUp(ended)
    }

    /// The output with its digest, for which Swift's own threads are too few where it is large; nil where there is none, or
    /// the token is not good any more.
    private func result(
        of outcome: JobOutcome, by token: ClaimToken
    ) async throws(JobStoreError) -> StoredBody? {
        guard case .succeeded(let output) = outcome else { return nil }
        guard output.body.count > StoredBody.largestRow else { return StoredBody(output.body) }
        guard live.withLock({ $0.table.canEnd(token) }) else { return nil }
        return try await threads.run { () throws(JobStoreError) in StoredBody(output.body) }
    }

    private func write(_ result: StoredBody, to file: String) async throws(JobStoreError) {
        try await threads.run { [files, space] () throws(JobStoreError) in
            do throws(JobStoreError) { try files.write(result, to: file) } catch {
                guard case .diskFull = error, space.throwOutBallast() else { throw error }
                try files.write(result, to: file)
            }
        }
    }

    /// Gives a claim back.
    public func release(_ token: ClaimToken, as release: Release) async throws(JobStoreError) -> Job? {
        let (wall, now, ttl) = (clock.wall, clock.now, settings.uploadTTL)
        let released: Ended? = try await writer.commit { context in
            let record = context.live.withLock { $0.table.release(token, as: release, wall: wall, now: now) }
            guard let record else { return nil }
            if record.job.status.isEnded { return try context.end(record, uploadTTL: ttl) }
            try context.jobs.update(record)
            return Ended(job: context.live.withLock { $0.table.shown(record) }, files: [])
        }
        return await cleanUp(released)
    }

    /// Cancels a job.
    public func cancel(_ id: JobID) async throws(JobStoreError) -> CancelOutcome {
        let (wall, now, ttl, shown) = (clock.wall, clock.now, settings.uploadTTL, shownSince)
        let (outcome, ended): (CancelOutcome, Ended?) = try await writer.commit { context in
            let (outcome, record) = context.live.withLock { live in
                (live.table.cancel(id, wall: wall, now: now), live.table.records[id])
            }
            switch outcome {
            case .cancelled:
                guard let record else { return (.unknown, nil) }
                return (outcome, try context.end(record, uploadTTL: ttl))
            case .requested:
                if let record { try context.jobs.update(record) }
                return (outcome, nil)
            case .alreadyEnded, .damaged, .unknown:
                do {
                    let stored = try context.jobs.job(id).flatMap { context.isShown($0, since: shown) ? $0.job : nil }
                    return (stored.map { .alreadyEnded($0) } ?? .unknown, nil)
                } catch StoreFault.refused(.damaged) { return (.damaged, nil) }
            }
        }
        _ = await cleanUp(ended)
        return outcome
    }

    /// Removes what memory and disk still have of a job that has ended.
    func cleanUp(_ ended: Ended?) async -> Job? {
        guard let ended else { return nil }
        if ended.job.status.isEnded { _ = inputs.take(ended.job.id) }
        await remove(ended.files)
        return ended.job
    }

    /// Removes files; one that is not there is no fault.
    func remove(_ names: [String]) async {
        guard !names.isEmpty else { return }
        await threads.run { [files] in for name in names { files.remove(name) } }
    }
}

/// A job as it is after a step, and the files that belong to nothing any more.
struct Ended: Sendable {
    let job: Job
    let files: [String]
}

extension WriteContext {
    /// Writes the end of a job that the table has ended, and takes it out of there.
    ///
    /// - Parameters:
    ///   - subject: what it says of itself from now on; nil for the same
    ///   - file: the name of the file that a large result is in
    @discardableResult
    func end(
        _ record: JobRecord, result: StoredBody? = nil, subject: JobSubject? = nil, file: String = "",
        uploadTTL: Duration
    ) throws -> Ended {
        let id = record.job.id
        let job = live.withLock { live in
            defer { live.table.forget(id) }
            return live.table.shown(record)
        }
        let now = clock.stored(record.endedAt ?? record.insertedAt)
        // What is stored of an input counts the subject in.
        let keeps = uploadTTL > .zero && subject == nil
        // What a job of a batch is billed for does not tell how large its input is.
        let hasFile =
            try !keeps && (job.batch == nil ? job.inputBytes > StoredBody.largestRow : bodies.isInFile(id))
        // First, so that its pages are there for the result in a database that can't grow.
        try bodies.endPayload(id, expires: keeps ? now &+ uploadTTL.nanosecondsClamped : nil)
        if let subject { try jobs.update(subject, of: id) }
        try jobs.update(record)
        if let result { try bodies.insert(result, id, file: file) }
        if let url = job.callback { try callbacks.insert(id, url: url, now: now) }
        for place in job.alerts { try alerts.end(id, place, now: now) }
        live.withLock { live in
            live.tallyToCommit.count(job.status, 1)
            if job.callback != nil { live.tallyToCommit.callbacks += 1 }
            live.tallyToCommit.alerts += job.alerts.count
        }
        return Ended(job: job, files: hasFile ? [BodyFiles.inputName(id)] : [])
    }

    /// Gives back the jobs whose claims have run out.
    func takeLapsed(wall: WallTime, now: MonotonicTime, uploadTTL: Duration) throws -> [Ended] {
        try live.withLock { $0.table.takeLapsed(wall: wall, now: now) }.map { record in
            if record.job.status.isEnded { return try end(record, uploadTTL: uploadTTL) }
            try jobs.update(record)
            return Ended(job: live.withLock { $0.table.shown(record) }, files: [])
        }
    }

    /// Ends the jobs that are too late, which somebody asks for later.
    func endOverdue(wall: WallTime, now: MonotonicTime, uploadTTL: Duration) throws {
        for record in live.withLock({ $0.table.endOverdue(wall: wall, now: now) }) {
            let ended = try end(record, uploadTTL: uploadTTL)
            live.withLock { $0.overdueToCommit.append(ended) }
        }
    }

    /// Whether a job is still to be seen: not ended, or not so long ago, or somebody has to be told of it.
    func isShown(_ stored: StoredJob, since: Int64) -> Bool {
        guard let endedAt = stored.endedAt else { return true }
        if clock.stored(endedAt) > since { return true }
        if (try? callbacks.contains(stored.job.id)) == true { return true }
        return !stored.job.alerts.isEmpty && (try? alerts.count(stored.job.id)) ?? 0 > 0
    }
}
