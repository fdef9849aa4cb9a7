public import Jobs

extension SQLiteJobStore {
    /// Takes jobs out of the queue, and reads their inputs. A job whose input is damaged fails, by name.
    public func claim(limit: Int) async throws(JobStoreError) -> [ClaimedJob] {
        let (wall, now) = (clock.wall, clock.now)
        guard limit > 0, live.withLock({ $0.table.canBeClaimed }) else { return [] }
        let secrets = random.withLock { random in (0..<limit).map { _ in random.next() as UInt64 } }
        let ttl = settings.uploadTTL
        let records = try await writer.commit { context in
            try context.endOverdue(wall: wall, now: now, uploadTTL: ttl)
            var claimed: [JobRecord] = []
            for secret in secrets {
                guard let record = context.live.withLock({ $0.table.claim(secret: secret, wall: wall, now: now) })
                else { break }
                try context.jobs.update(record)
                claimed.append(record)
            }
            return claimed
        }
        var claimed: [ClaimedJob] = []
        for record in records {
            do throws(JobStoreError) {
                let input = try await input(of: record.job)
                if let job = ClaimedJob(record, input: input, now: now) { claimed.append(job) }
            } catch {
                await give(up: record, error)
            }
        }
        return claimed
    }

    /// The input, checked against what was stored.
    private func input(of job: Job) async throws(JobStoreError) -> JobInput {
        if let input = inputs.take(job.id) { return input }
        let id = job.id
        guard let payload = try await database.read({ try BodyRows(db: $0).payload(id) }) else {
            throw .damaged(id, "its features are not there")
        }
        return try await threads.run { [files] () throws(JobStoreError) in
            let body: [UInt8]
            if let row = payload.place.body {
                body = row
            } else {
                body = try files.read(id, .input, bytes: payload.place.bytes)
            }
            guard StoredBody.digest(body, options: payload.options) == payload.place.sha256 else {
                throw .damaged(id, "its features are not those that were stored: their SHA-256 differs")
            }
            let count = job.snippets * payload.width
            guard let features = payload.form.decode(body, count: count) else {
                throw .damaged(id, "its features can't be read")
            }
            return JobInput(features: features, rows: job.snippets, width: payload.width, options: payload.options)
        }
    }

    /// Ends a job whose input is damaged; one that can't be read now goes back to the queue, and it is not its fault.
    private func give(up record: JobRecord, _ error: JobStoreError) async {
        guard let token = record.holder else { return }
        logger.error("the input of a job can't be read", metadata: ["job": "\(record.job.id)", "error": "\(error)"])
        do throws(JobStoreError) {
            guard case .damaged = error else {
                _ = try await release(token, as: .unspent)
                return
            }
            let failure = JobFailure(reason: "damaged-job", detail: error.description)
            guard let job = try await complete(token, with: .failed(failure), timings: nil) else { return }
            live.withLock { $0.overdue.append(Ended(job: job, inputIsGone: false)) }
        } catch {
            logger.error("a job can't be given back", metadata: ["job": "\(record.job.id)", "error": "\(error)"])
        }
    }

    /// Notes progress, which is as lasting as the claim: with the process.
    public func reportProgress(
        _ token: ClaimToken, partsDone: Int
    ) async throws(JobStoreError) -> ClaimStanding {
        live.withLock { $0.table.reportProgress(token, partsDone: partsDone) }
    }

    /// Ends a job, and commits its output.
    public func complete(
        _ token: ClaimToken, with outcome: JobOutcome, timings: JobTimings?
    ) async throws(JobStoreError) -> Job? {
        let (wall, now, ttl) = (clock.wall, clock.now, settings.uploadTTL)
        var body: StoredBody?
        if case .succeeded(let output) = outcome { body = StoredBody(output.body) }
        let result = body
        if let result, result.isLarge { try await write(result, token.job) }
        let ended: Ended? = try await writer.commit { context in
            let record = context.live.withLock {
                $0.table.complete(token, with: outcome, timings: timings, wall: wall, now: now)
            }
            guard let record else { return nil }
            return try context.end(record, result: record.output == nil ? nil : result, uploadTTL: ttl)
        }
        if ended?.job.status != .succeeded, result?.isLarge == true { await remove(token.job, .output) }
        return await cleanUp(ended)
    }

    private func write(_ result: StoredBody, _ job: JobID) async throws(JobStoreError) {
        try await threads.run { [files, space] () throws(JobStoreError) in
            do throws(StoreFault) { try files.write(result, job, .output) } catch {
                guard space.throwOutBallast() else { throw StoreFault.reason(of: error) }
                do throws(StoreFault) { try files.write(result, job, .output) } catch {
                    throw StoreFault.reason(of: error)
                }
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
            return Ended(job: context.live.withLock { $0.table.shown(record) }, inputIsGone: false)
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
            case .alreadyEnded, .unknown:
                let stored = try context.jobs.job(id).flatMap { context.isShown($0, since: shown) ? $0.job : nil }
                return (stored.map { .alreadyEnded($0) } ?? .unknown, nil)
            }
        }
        _ = await cleanUp(ended)
        return outcome
    }

    /// Removes what the disk still has of an input that is gone.
    private func cleanUp(_ ended: Ended?) async -> Job? {
        guard let ended else { return nil }
        if ended.job.status.isEnded {
            _ = inputs.take(ended.job.id)
            if ended.inputIsGone { await remove(ended.job.id, .input) }
        }
        return ended.job
    }

    /// Removes a file; one that is not there, as small bodies have none, is no fault.
    func remove(_ job: JobID, _ kind: BodyFiles.Kind) async {
        _ = try? await threads.run { [files] in files.remove(job, kind) }
    }
}

/// A job as it is after a step, and whether its input has gone from the database, so that its file may go too.
struct Ended: Sendable {
    let job: Job
    let inputIsGone: Bool
}

extension WriteContext {
    /// Writes the end of a job that the table has ended, and takes it out of there.
    @discardableResult
    func end(_ record: JobRecord, result: StoredBody? = nil, uploadTTL: Duration) throws -> Ended {
        let id = record.job.id
        let job = live.withLock { live in
            defer { live.table.forget(id) }
            return live.table.shown(record)
        }
        try jobs.update(record)
        if let result { try bodies.insert(result, id) }
        let now = clock.stored(record.endedAt ?? record.insertedAt)
        let keeps = uploadTTL > .zero
        try bodies.endPayload(id, expires: keeps ? now &+ uploadTTL.nanosecondsClamped : nil)
        if let url = job.callback { try callbacks.insert(id, url: url, now: now) }
        return Ended(job: job, inputIsGone: !keeps && job.inputBytes > StoredBody.largestRow)
    }

    /// Ends the jobs that are too late, which somebody asks for later.
    func endOverdue(wall: WallTime, now: MonotonicTime, uploadTTL: Duration) throws {
        for record in live.withLock({ $0.table.endOverdue(wall: wall, now: now) }) {
            let ended = try end(record, uploadTTL: uploadTTL)
            live.withLock { $0.overdue.append(ended) }
        }
    }

    /// Whether a job is still to be seen: not ended, or not so long ago, or its callback is on its way.
    func isShown(_ stored: StoredJob, since: Int64) -> Bool {
        guard let endedAt = stored.endedAt else { return true }
        if clock.stored(endedAt) > since { return true }
        return (try? callbacks.contains(stored.job.id)) ?? false
    }
}
