import Platform

/// What a ``WorkerPool`` does with a backlog.
extension Backlog {
    /// Connects the pool that works on the jobs.
    ///
    /// - Parameters:
    ///   - isSerial: whether one worker alone does most of what is to be done of a kind's jobs
    ///   - expected: the seconds that one worker takes for such a job; nil as long as they can't be told
    ///   - inHand: how many jobs the pool has; called without the backlog's lock
    ///   - renewClaims: called in time before the pool's claims run out
    ///   - stopRunning: called when a running job shall stop
    func attach(
        workers: Int, isSerial: @escaping @Sendable (String) -> Bool = { _ in false },
        expected: @escaping @Sendable (Job) -> Double? = { _ in nil },
        inHand: @escaping @Sendable () -> Int = { 0 },
        renewClaims: (@Sendable () async -> Void)? = nil,
        stopRunning: @escaping @Sendable (JobID) -> Void
    ) {
        state.withLock { state in
            state.rate.workers = workers
            state.isSerial = isSerial
            state.expected = expected
            state.inHand = inHand
            state.renewClaims = renewClaims
            state.stopRunning = stopRunning
        }
    }

    /// Breaks the connection, so that neither keeps the other alive.
    func detach() {
        state.withLock { state in
            state.stopRunning = nil
            state.renewClaims = nil
            state.isSerial = { _ in false }
            state.expected = { _ in nil }
            state.inHand = { 0 }
        }
    }

    func claim(_ limit: ClaimLimit) async throws(JobStoreError) -> [ClaimedJob] {
        let claimed = try await store.claim(limit)
        note(claimed)
        return claimed
    }

    /// Counts out of the queue what was claimed.
    func note(_ claimed: [ClaimedJob]) {
        guard !claimed.isEmpty else { return }
        state.withLock { state in
            for job in claimed {
                let load = QueueLedger.Load(jobs: 1, bytes: job.billedBytes, parts: job.parts)
                state.ledger.dequeue(load, of: job.client)
                state.apart[job.id] = ApartJob(job.token, parts: job.parts, isSerial: state.isSerial(job.kind))
            }
        }
        for job in claimed { watchers.ring(job.id) }
    }

    /// Has the pool renew its claims, where a quarter of a lease has gone by since it last did.
    func renewClaims() async {
        let renew = state.withLock { state -> (@Sendable () async -> Void)? in
            let now = clock.now
            guard now >= state.nextRenewal else { return nil }
            state.nextRenewal = now + store.lease / 4
            return state.renewClaims
        }
        await renew?()
    }

    /// Lets claims last.
    func renew(_ tokens: [ClaimToken]) async throws(JobStoreError) -> [Renewal] {
        let renewals = try await store.renew(tokens)
        for (token, renewal) in zip(tokens, renewals) {
            if renewal.standing == .lost { letGo(token) }
            guard let job = renewal.regained else { continue }
            state.withLock { state in
                state.ledger.dequeue(job)
                state.apart[job.id] = ApartJob(token, parts: job.parts, isSerial: state.isSerial(job.kind))
            }
            watchers.ring(job.id)
        }
        return renewals
    }

    /// A claim is good no more, and takes up no place of a lane.
    private func letGo(_ token: ClaimToken) {
        state.withLock { state in
            if state.apart[token.job]?.token == token { state.apart[token.job] = nil }
        }
    }

    /// The jobs that take up places of lanes of their own.
    var jobsApart: Set<JobID> { state.withLock { Set($0.apart.keys) } }

    /// Keeps what a worker says of a running job; nil where it is somebody else's now. Called with the crew's lock, which nobody takes who has the backlog's.
    func note(_ standing: JobStanding?, of job: JobID) { state.withLock { $0.standings[job] = standing } }

    func reportProgress(_ token: ClaimToken, partsDone: Int) async throws(JobStoreError) -> ClaimStanding {
        defer { watchers.ring(token.job) }
        if hasLongJobs.load(ordering: .relaxed) {
            // Two tasks may tell of one job in any order.
            state.withLock { state in
                guard let known = state.apart[token.job]?.partsDone, known < partsDone else { return }
                state.apart[token.job]?.partsDone = partsDone
            }
        }
        let standing = try await store.reportProgress(token, partsDone: partsDone)
        if standing == .lost { letGo(token) }
        return standing
    }

    /// Ends a job and tells who waits for it; says whether the outcome was taken.
    ///
    /// - Parameter since: when writing it began, which may be some tries ago
    @discardableResult
    func complete(
        _ token: ClaimToken, with outcome: JobOutcome, timings: JobTimings?, since: MonotonicTime? = nil
    ) async throws(JobStoreError) -> Bool {
        let began = since ?? clock.now
        let isAwaited = watchers.follows(token.job)
        guard
            let job = try await store.complete(token, with: outcome, timings: timings, isAwaited: isAwaited)
        else {
            letGo(token)
            state.withLock { $0.metrics.dropped += 1 }
            return false
        }
        if job.isRegained { state.withLock { $0.ledger.dequeue(job) } }
        announce(ended: job, writing: clock.now - began)
        // The store may have held others back for this one.
        if state.withLock({ $0.ledger.queued.jobs > 0 }) { bell.ring() }
        return true
    }

    /// Gives a claim back.
    func release(_ token: ClaimToken, as release: Release) async throws(JobStoreError) {
        guard let job = try await store.release(token, as: release) else { return letGo(token) }
        takeBack(job)
    }

    /// Tells of a job whose claim has run out.
    func announce(lapsed job: Job) {
        logger.warning(
            "a job's claim has run out", metadata: ["job": "\(job.id)", "attempt": .stringConvertible(job.attempt)])
        observer.lapsed(job)
        takeBack(job)
    }

    /// Counts a job that was running, and is queued again or has ended.
    private func takeBack(_ job: Job) {
        if job.status.isEnded {
            announce(ended: job)
        } else {
            state.withLock { state in
                state.standings[job.id] = nil
                state.apart[job.id] = nil
                state.ledger.enqueue(job.load, of: job.client)
                if job.isModelMissing { state.ledger.setAside(job.load, of: job.client) }
            }
            bell.ring()
            watchers.ring(job.id)
        }
    }

    /// Counts a part that a worker has done.
    func countPart() {
        state.withLock { $0.metrics.partsDone += 1 }
    }

    /// How many parts the workers do in a time, as they did lately; nil before they did one.
    func parts(in time: Duration) -> Double? { state.withLock { $0.rate.parts(in: time) } }

    func claim(limit: Int) async throws(JobStoreError) -> [ClaimedJob] { try await claim(ClaimLimit(jobs: limit)) }

    /// Measures a job: so many parts took workers so long in all, and those who helped them so long.
    func measure(parts: Int, workerTime: Duration, helpTime: Duration = .zero) {
        state.withLock { $0.rate.record(parts: parts, workerTime: workerTime, helpTime: helpTime) }
    }
}

extension Job {
    /// What it takes of the queue.
    var load: QueueLedger.Load { QueueLedger.Load(jobs: 1, bytes: inputBytes, parts: parts) }
}

/// Removes what has expired, now and then, so that a store that nobody uses grows small again; ends the jobs that are too
/// late to be begun, also while all workers are busy; and has claims renewed, before it gives back those that have run out.
///
/// In this order and one after the other: whoever was held up for longer than a lease, as a process is that was stopped,
/// still finds its claims its own.
public struct Expiry: Sendable {
    private let backlog: Backlog
    private let interval: Duration

    /// Looks after `backlog` every `interval`.
    public init(of backlog: Backlog, every interval: Duration = .seconds(1)) {
        self.backlog = backlog
        self.interval = interval
    }

    /// Removes what has expired now, and says how many jobs that were.
    @discardableResult
    public func runOnce() async throws(JobStoreError) -> Int {
        await backlog.renewClaims()
        backlog.store.present(backlog.activity)
        let expired = try await backlog.store.expire()
        if expired.removed > 0 { backlog.observer.expired(expired.removed) }
        for job in expired.lapsed { backlog.announce(lapsed: job) }
        for job in expired.overdue { backlog.announce(late: job) }
        return expired.removed
    }

    /// Goes on until the task is cancelled. A store that fails is tried again the next time.
    public func run() async {
        await backlog.clock.every(interval) {
            do throws(JobStoreError) { try await runOnce() } catch {
                backlog.logger.warning("expired jobs could not be removed: \(error)")
            }
        }
    }
}
