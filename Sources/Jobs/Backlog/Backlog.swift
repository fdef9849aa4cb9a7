import Logging
import Platform
import Synchronization

/// The bounded front of the queue, and the only one that speaks to its store.
///
/// Services hand jobs in and follow them (`+Submitting`, `Waiting/Watchers`); the ``WorkerPool`` takes them out
/// (`+Working`). Because both go through here, the bound, the counters and the watchers need nothing from the store.
public final class Backlog: Sendable {
    /// How much may be queued.
    public struct Limits: Sendable {
        /// How many jobs.
        public var maxJobs: Int
        /// How many bytes their inputs may take together.
        public var maxBytes: Int
        /// How many of the jobs may be of one client; nil for all.
        public var maxJobsPerClient: Int?
        /// How many of the bytes may be of one client; nil for all.
        public var maxBytesPerClient: Int?
        /// What uploads must bring for what they were promised to be theirs.
        public var pace = Pace()
        /// Clients whose share is not limited.
        public var spares: @Sendable (_ client: String) -> Bool = { _ in false }
        /// How many of the jobs may be of a client that has a bound of its own; nil for the others.
        public var ownMaxJobs: @Sendable (_ client: String) -> Int? = { _ in nil }

        /// By default a thousand jobs and 512 MiB, which one client may have alone.
        public init(maxJobs: Int = 1_000, maxBytes: Int = 512 << 20) {
            self.maxJobs = maxJobs
            self.maxBytes = maxBytes
        }

        /// What `client` may have.
        public func share(of client: String) -> (jobs: Int, bytes: Int) {
            let share = commonShare(of: client)
            return (min(ownMaxJobs(client) ?? share.jobs, maxJobs), share.bytes)
        }

        private func commonShare(of client: String) -> (jobs: Int, bytes: Int) {
            guard maxJobsPerClient != nil || maxBytesPerClient != nil, !spares(client) else {
                return (maxJobs, maxBytes)
            }
            return (min(maxJobsPerClient ?? maxJobs, maxJobs), min(maxBytesPerClient ?? maxBytes, maxBytes))
        }
    }

    struct State {
        var ledger: QueueLedger
        var rate = PartRate()
        var metrics = JobMetrics()
        var isAccepting = true
        /// The uploads in flight that have room.
        var uploads: [ObjectIdentifier: UploadRoom] = [:]
        /// The clients that lately gave up an upload before it had come.
        var breakers = Breakers()
        /// No upload is late before this.
        var nextLate = MonotonicTime(nanoseconds: .min)
        /// Tells a running worker pool that a job shall stop.
        var stopRunning: (@Sendable (JobID) -> Void)?
        /// Whether one worker alone does most of what is to be done of a kind's jobs.
        var isSerial: @Sendable (String) -> Bool = { _ in false }
        /// The seconds that one worker takes for a job that it does most of alone; nil as long as they can't be told.
        var expected: @Sendable (Job) -> Double? = { _ in nil }
        /// How many jobs are in the hands of workers.
        var inHand: @Sendable () -> Int = { 0 }
        /// The jobs in the hands of workers that have lanes of their own.
        var apart: [JobID: ApartJob] = [:]
        /// Seconds a part of a long job that waited when it was asked for last.
        var longPace: Double?
        /// What workers say of the jobs that they are at.
        var standings: [JobID: JobStanding] = [:]
        /// Has a running worker pool renew its claims.
        var renewClaims: (@Sendable () async -> Void)?
        /// When that is to be done next.
        var nextRenewal = MonotonicTime(nanoseconds: .min)
    }

    /// How much may be queued.
    public let limits: Limits
    let store: any JobStore
    /// Told of what happens to jobs.
    let observer: any JobObserver
    /// Where the time is taken from.
    public let clock: any JobClock
    package let logger: Logger
    /// Rung after every change that may let a worker claim a job.
    let bell = Doorbell()
    /// Rung when there may be a callback to deliver.
    let callbackBell = Doorbell()
    /// Rung when there may be something to tell the server's own places of.
    let alertBell = Doorbell()
    let watchers: Watchers
    let state: Mutex<State>
    /// Whether long jobs have come, so that a claim may find one beside the others.
    let hasLongJobs = Atomic(false)

    /// A backlog before `store`, which nobody else may use; `observer` is told of what happens to its jobs.
    public init(
        store: any JobStore,
        limits: Limits = Limits(),
        clock: any JobClock = SystemClock(),
        observer: any JobObserver = JobObservers(),
        logger: Logger = Logger(label: "vigil.jobs")
    ) {
        self.limits = limits
        self.observer = observer
        self.store = store
        self.clock = clock
        self.logger = logger
        watchers = Watchers(clock: clock)
        state = Mutex(State(ledger: QueueLedger(limits: limits)))
    }

    /// Counts in what the store held before this process began. Call it once, before anything is submitted.
    public func resume() async throws(JobStoreError) {
        let counts = try await store.counts()
        let waiting = try await store.waitingJobs()
        if ClaimLimit.isLong(parts: counts.queuedParts) { hasLongJobs.store(true, ordering: .relaxed) }
        state.withLock { state in
            state.ledger.waiting += waiting.reduce(0) { $0 + $1.jobs }
            for (client, load) in counts.queuedByClient {
                state.ledger.enqueue(
                    QueueLedger.Load(load), of: client.text)
            }
        }
        bell.ring()
    }

    /// Counts anew what is queued, where other processes have part in it.
    func resume(_ counts: JobCounts, waiting: Int) {
        if ClaimLimit.isLong(parts: counts.queuedParts) { hasLongJobs.store(true, ordering: .relaxed) }
        state.withLock { $0.ledger.resume(counts, waiting: waiting) }
    }

    /// The time by the backlog's clock, which deadlines are reckoned by.
    public var now: MonotonicTime { clock.now }

    /// The time of day.
    public var wall: WallTime { clock.wall }

    /// Whether jobs outlast the process.
    public var isLasting: Bool { store.isLasting }

    /// Whether other processes have part in the jobs.
    public var isShared: Bool { store.isShared }

    /// What keeps the jobs, for health checks.
    public var storeSummary: String { store.summary }

    /// Refuses all further jobs with `draining`. What is queued stays queued.
    public func stopAccepting() {
        state.withLock { $0.isAccepting = false }
    }
}

extension Backlog {
    /// The job with its estimate; nil if it is unknown, expired or forgotten.
    public func job(_ id: JobID) async throws(JobStoreError) -> Job? {
        try await store.job(id).map(estimated)
    }

    /// What a job came to; nil unless it succeeded.
    ///
    /// - Parameters:
    ///   - id: the job
    ///   - fetching: afterwards it is among the first that may be given up; false where the result is only
    ///     looked at
    public func output(_ id: JobID, fetching: Bool = true) async throws(JobStoreError) -> JobOutput? {
        try await store.output(id, fetching: fetching)
    }

    /// What was put beside a job; nil where nothing was.
    package func remarks(_ id: JobID) async throws(JobStoreError) -> JobRemarks? { try await store.remarks(id) }

    /// Puts bytes beside a job that has ended, in the place of those of this revision; 0 stands for none.
    package func remark(
        _ id: JobID, _ bytes: [UInt8], over revision: Int
    ) async throws(JobStoreError) -> RemarkOutcome {
        try await store.remark(id, bytes, over: revision)
    }

    /// Counts an output that was only looked at as fetched.
    package func noteFetched(_ id: JobID) async { await store.noteFetched(id) }

    /// Up to `limit` jobs, newest first, that come after `cursor`, the last one of the page before.
    public func list(
        _ filter: JobFilter = JobFilter(), limit: Int, before cursor: JobID? = nil
    ) async throws(JobStoreError) -> [Job] {
        try await store.list(filter, limit: limit, before: cursor).map(estimated)
    }

    /// The batch with those of its jobs that are still known; nil if there is none.
    public func batch(_ id: BatchID) async throws(JobStoreError) -> Batch? {
        try await store.batch(id).map { Batch(id: $0.id, jobs: $0.jobs.map(estimated)) }
    }

    /// How many jobs there are.
    public func counts() async throws(JobStoreError) -> JobCounts {
        try await store.counts()
    }

    /// What there is, at the same cost however many jobs there are; nil where the store does not count.
    public func census() async throws(JobStoreError) -> QueueCensus? { try await store.census() }

    /// What the store has of its disk; nil where it has none.
    public var storeRoom: StoreRoom? { store.room }

    /// How many callbacks are on their way or wait for it; nil where the store does not count.
    public var waitingCallbacks: Int? { store.waitingCallbacks }
    /// How many notes of jobs wait to be told to the server's own places; nil where the store does not count.
    public var waitingAlerts: Int? { store.waitingAlerts }

    /// Throws where the store would not take a job now.
    public func checkStore() async throws(JobStoreError) {
        try await store.checkWritable()
    }

    /// Throws where the store would not take a submission, by what it knows.
    public func checkStoreTakes() async throws(JobStoreError) {
        try await store.checkTakes()
    }

    /// Counts units that a job turned out to have beside those that it was handed in with, or fewer: ``JobStore/settle(_:of:since:)``.
    public func settle(_ units: Int, of account: Account, since day: Int64) async throws(JobStoreError) -> QuotaExcess?
    {
        try await store.settle(units, of: account, since: day)
    }

    /// Throws where an account may hand in no further job now, however small, or none of so many bytes.
    public func checkQuota(of account: Account, bytes: Int = 1) async throws(JobStoreError) {
        let usage = try await store.usage(of: account.name)
        do throws(QuotaExcess) {
            _ = try account.charged(usage, jobs: 1, bytes: max(bytes, 1), units: 1, at: clock.wall)
        } catch {
            throw .overQuota(error)
        }
    }

    /// Whose a damaged job is, as far as that can be read.
    public func ownerOfDamaged(_ id: JobID) async throws(JobStoreError) -> String? {
        try await store.ownerOfDamaged(id)
    }

    /// Cancels a queued job at once and a running one at its next part.
    public func cancel(_ id: JobID) async throws(JobStoreError) -> CancelOutcome {
        let outcome = try await store.cancel(id)
        switch outcome {
        case .cancelled(let job):
            state.withLock { $0.ledger.dequeue(job) }
            announce(ended: job)
        case .requested:
            state.withLock { $0.stopRunning }?(id)
            watchers.ring(id)
        case .alreadyEnded, .damaged, .unknown:
            break
        }
        return outcome
    }

    /// Removes a job that has ended; says whether there was one.
    public func forget(_ id: JobID) async throws(JobStoreError) -> Bool {
        let wasThere = try await store.forget(id)
        if wasThere { observer.forgot(id) }
        return wasThere
    }

    /// What a job is about, as long as that is stored; nil where it is not.
    package func input(of job: Job) async throws(JobStoreError) -> JobBody? { try await store.input(of: job) }

    /// Removes the jobs of a batch that can't be read; says how many there were.
    public func forgetUnreadable(of batch: BatchID) async throws(JobStoreError) -> Int {
        try await store.forgetUnreadable(of: batch)
    }

    /// Counts out a queued job that ended because its deadline had passed, or for want of its model.
    func announce(late job: Job) {
        state.withLock { $0.ledger.dequeue(job) }
        announce(ended: job)
    }

    /// Counts an ended job and wakes who waits for it.
    ///
    /// - Parameter writing: how long its end took to write, where a worker has had it
    func announce(ended job: Job, writing: Duration? = nil) {
        state.withLock { state in
            state.metrics.count(ended: job.status)
            state.standings[job.id] = nil
            state.apart[job.id] = nil
        }
        observer.ended(job, writing: writing)
        if let failure = job.failure {
            logger.warning("a job has failed", metadata: ["job": "\(job.id)", "reason": "\(failure.reason)"])
        }
        watchers.end(job)
        if job.callback != nil { callbackBell.ring() }
        if !job.alerts.isEmpty { alertBell.ring() }
    }
}

/// Which models are served.
extension Backlog {
    /// From now on jobs of these models alone are claimed; those of others wait, or fail.
    public func serve(_ models: ServedModels, missing: MissingModel) async throws(JobStoreError) {
        let change = try await store.serve(models, missing: missing)
        state.withLock { $0.ledger.apply(change) }
        // Why nobody can do a kind of jobs is known to whoever said so.
        for waiting in change.missing where waiting.kind == nil {
            let verb = missing == .fail ? "jobs fail, since they are" : "jobs wait"
            logger.warning(
                "\(verb) for a model that is not served",
                metadata: [
                    "jobs": .stringConvertible(waiting.jobs), "model": "\(waiting.model)",
                    "served": "\(models.all.map(\.description).joined(separator: ", "))",
                ])
        }
        bell.ring()
        // Those that began or ceased to wait look different now.
        for id in watchers.jobs { watchers.ring(id) }
    }

    /// How many jobs wait for which model that is not served.
    public func waitingJobs() async throws(JobStoreError) -> [WaitingJobs] { try await store.waitingJobs() }

    /// Where files of models are kept for the jobs that wait for them; nil where jobs do not outlast the process.
    public var keptModels: (any ModelKeeper)? { store.models }

    /// How many jobs have not ended, by model.
    public func openModels() async throws(JobStoreError) -> [ModelID: OpenJobs] { try await store.openModels() }
}

/// What delivers callbacks does with a backlog.
extension Backlog {
    /// Up to `limit` notes whose time has come and that have room; each counts as tried and has to be settled.
    public func takeCallbacks(
        limit: Int, within room: CallbackRoom
    ) async throws(JobStoreError) -> [CallbackNote] {
        try await store.takeCallbacks(limit: limit, within: room)
    }

    /// Says what came of trying to deliver a note.
    public func settleCallback(of job: JobID, _ verdict: CallbackVerdict) async throws(JobStoreError) {
        try await store.settleCallback(of: job, verdict)
    }

    /// Returns when a job with a callback has ended, or once `time` has gone by.
    public func waitForCallback(atMost time: Duration) async {
        let clock = clock
        let bell = callbackBell
        let timer = Task {
            if (try? await clock.sleep(until: clock.now + time)) != nil { bell.ring() }
        }
        await bell.wait()
        timer.cancel()
    }

    /// Wakes whoever waits for a callback.
    public func ringForCallbacks() { callbackBell.ring() }
}
