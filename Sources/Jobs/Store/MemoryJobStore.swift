public import Platform
import Synchronization

/// Jobs in memory: as lasting as the process.
///
/// A lock around a `JobTable`. It is held for as long as one step of the table takes, never across a suspension.
public final class MemoryJobStore: JobStore {
    /// How long and how much is kept.
    public struct Settings: Sendable {
        /// How long an ended job is kept.
        public var resultTTL: Duration
        /// How many bytes ended jobs may take.
        public var resultBudgetBytes: Int
        /// How often a job whose worker was lost is tried.
        public var attempts: Int
        /// How long a claim lasts that nobody renews.
        public var lease = JobTable.usualLease
        /// The kinds of jobs that one worker does most of.
        public var serialKinds: [String] = []

        /// Results are kept for an hour, in at most 256 MiB; a job is tried three times; a claim lasts a minute.
        public init(resultTTL: Duration = .seconds(3_600), resultBudgetBytes: Int = 256 << 20, attempts: Int = 3) {
            self.resultTTL = resultTTL
            self.resultBudgetBytes = resultBudgetBytes
            self.attempts = attempts
        }
    }

    struct State {
        var table: JobTable
        var registry = JobRegistry()
        var generator = JobIDGenerator()
        var random: any RandomNumberGenerator & Sendable
        /// The jobs that were too late, until somebody is told.
        var overdue: [Job] = []
        /// How many jobs have expired that nobody was told of.
        var expired = 0
        /// What accounts have handed in.
        var usage: [ByteText: DailyUsage] = [:]
    }

    /// How long a claim lasts that nobody renews.
    public let lease: Duration
    /// How many bytes may be put beside jobs.
    let remarkBudgetBytes: Int
    private let clock: any JobClock
    private let state: Mutex<State>

    /// An empty store.
    ///
    /// - Parameters:
    ///   - settings: what can be chosen
    ///   - clock: both times
    ///   - random: where IDs and tokens come from.
    public init(
        settings: Settings = Settings(),
        clock: any JobClock = SystemClock(),
        random: any RandomNumberGenerator & Sendable = SystemRandom()
    ) {
        self.clock = clock
        var own = JobTable.Settings(
            resultTTL: settings.resultTTL, resultBudgetBytes: settings.resultBudgetBytes, attempts: settings.attempts,
            lease: settings.lease)
        own.serialKinds = settings.serialKinds
        let table = JobTable(settings: own)
        lease = settings.lease
        remarkBudgetBytes = settings.resultBudgetBytes / 8
        state = Mutex(State(table: table, random: random))
    }

    /// What it is.
    public var summary: String { "in memory" }

    /// Jobs end with the process.
    public var isLasting: Bool { false }

    /// Queues jobs in memory; throws `full` and `keyReused` as the protocol says, and nothing else.
    public func submit(_ submission: Submission) async throws(JobStoreError) -> Receipt {
        let result = step { state, wall, now in
            Result { () throws(JobStoreError) in try state.submit(submission, wall: wall, now: now) }
        }
        return try result.get()
    }

    /// Says which models are served.
    public func serve(_ models: ServedModels, missing: MissingModel) async throws(JobStoreError) -> ServedChange {
        step { state, _, _ in state.table.serve(JobTable.Served(models, missing: missing)) }
    }

    /// What an account has handed in since the process began.
    public func usage(of account: String) async throws(JobStoreError) -> DailyUsage? {
        step { state, _, _ in state.usage[ByteText(account)] }
    }

    /// Counts units that a job turned out to have.
    public func settle(
        _ units: Int, of account: Account, since day: Int64
    ) async throws(JobStoreError) -> QuotaExcess? {
        step { state, wall, _ in
            let name = ByteText(account.name)
            let (usage, excess) = account.settled(state.usage[name], units: units, since: day, at: wall)
            state.usage[name] = usage
            return excess
        }
    }

    /// How many jobs wait for which model.
    public func waitingJobs() async throws(JobStoreError) -> [WaitingJobs] {
        step { state, _, _ in state.table.waitingJobs }
    }

    /// How many jobs have not ended, by model.
    public func openModels() async throws(JobStoreError) -> [ModelID: OpenJobs] {
        step { state, _, _ in state.table.openModels }
    }

    /// Takes jobs out of the queue.
    public func claim(_ limit: ClaimLimit) async throws(JobStoreError) -> [ClaimedJob] {
        step { state, wall, now in
            var claimed: [ClaimedJob] = []
            var left = limit
            while left.jobs > 0 {
                let secret: UInt64 = state.random.next()
                guard let record = state.table.claim(secret: secret, wall: wall, now: now, within: &left),
                    let input = record.input,
                    let job = ClaimedJob(record, input: input, now: now)
                else { break }
                claimed.append(job)
            }
            return claimed
        }
    }

    /// Lets claims last.
    public func renew(_ tokens: [ClaimToken]) async throws(JobStoreError) -> [Renewal] {
        step { state, wall, now in
            tokens.map { token in
                let (standing, record) = state.table.renew(token, wall: wall, now: now)
                return Renewal(standing, regained: record?.job)
            }
        }
    }

    /// Notes progress.
    public func reportProgress(
        _ token: ClaimToken, partsDone: Int
    ) async throws(JobStoreError) -> ClaimStanding {
        step { state, _, _ in state.table.reportProgress(token, partsDone: partsDone) }
    }

    /// Ends a job; an output may push out others that were fetched.
    public func complete(
        _ token: ClaimToken, with outcome: JobOutcome, timings: JobTimings?
    ) async throws(JobStoreError) -> Job? {
        step { state, wall, now in
            let record = state.table.complete(token, with: outcome, timings: timings, wall: wall, now: now)
            return record.map { state.ended($0, now: now) }
        }
    }

    /// Gives a claim back.
    public func release(_ token: ClaimToken, as release: Release) async throws(JobStoreError) -> Job? {
        step { state, wall, now in
            guard let record = state.table.release(token, as: release, wall: wall, now: now) else { return nil }
            return record.job.status.isEnded ? state.ended(record, now: now) : state.table.shown(record)
        }
    }

    /// Cancels a job.
    public func cancel(_ id: JobID) async throws(JobStoreError) -> CancelOutcome {
        step { state, wall, now in
            let outcome = state.table.cancel(id, wall: wall, now: now)
            if case .cancelled = outcome, let record = state.table.records[id] { _ = state.ended(record, now: now) }
            return outcome
        }
    }

    /// Removes an ended job.
    public func forget(_ id: JobID) async throws(JobStoreError) -> Bool {
        step { state, _, _ in state.forget(id) }
    }

    /// The job, unless it has expired.
    public func job(_ id: JobID) async throws(JobStoreError) -> Job? {
        step { state, _, _ in state.table.job(id) }
    }

    /// The output; once it was fetched it may be given up when room is needed.
    public func output(_ id: JobID, fetching: Bool) async throws(JobStoreError) -> JobOutput? {
        step { state, _, _ in
            guard fetching else { return state.table.records[id]?.output }
            let output = state.table.fetchOutput(id)
            state.giveUpOverBudget()
            return output
        }
    }

    /// What a job is about that has not ended.
    public func input(of job: Job) async throws(JobStoreError) -> JobBody? {
        step { state, _, _ in state.table.records[job.id]?.input }
    }

    /// The output may be given up from now on.
    public func noteFetched(_ id: JobID) async {
        step { state, _, _ in
            _ = state.table.fetchOutput(id)
            state.giveUpOverBudget()
        }
    }

    /// A page of jobs.
    public func list(
        _ filter: JobFilter, limit: Int, before cursor: JobID?
    ) async throws(JobStoreError) -> [Job] {
        step { state, _, _ in state.table.list(filter, limit: limit, before: cursor) }
    }

    /// A batch, unless all of it has expired.
    public func batch(_ id: BatchID) async throws(JobStoreError) -> Batch? {
        step { state, _, _ in
            state.registry.jobs(of: id).map { Batch(id: id, jobs: $0.compactMap { state.table.job($0) }) }
        }
    }

    /// Notes that are due and have room.
    public func takeCallbacks(
        limit: Int, within room: CallbackRoom
    ) async throws(JobStoreError) -> [CallbackNote] {
        step { state, _, now in
            state.registry.callbacks.take(limit: limit, within: room, now: now).compactMap { id, entry in
                state.table.job(id).map {
                    CallbackNote(job: $0, url: entry.url, tries: entry.tries, age: now - entry.endedAt)
                }
            }
        }
    }

    /// What came of a note.
    public func settleCallback(of job: JobID, _ verdict: CallbackVerdict) async throws(JobStoreError) {
        step { state, _, now in state.registry.callbacks.settle(job, verdict, now: now) }
    }

    /// Notes that a place has to be told of.
    public func takeAlerts(for place: String, limit: Int) async throws(JobStoreError) -> [AlertNote] {
        step { state, _, now in
            state.registry.alerts.take(for: place, limit: limit, now: now).compactMap { id, tries, endedAt in
                state.table.job(id).map { AlertNote(job: $0, place: place, tries: tries, age: now - endedAt) }
            }
        }
    }

    /// What came of a note.
    public func settleAlert(
        of job: JobID, for place: String, _ verdict: CallbackVerdict
    ) async throws(JobStoreError) {
        step { state, _, now in state.registry.alerts.settle(job, place, verdict, now: now) }
    }

    /// How far a place was told.
    public func alertMark(of job: JobID, for place: String) async throws(JobStoreError) -> [UInt8]? {
        state.withLock { $0.registry.alerts.mark(of: job, place) }
    }

    /// Keeps how far a place was told.
    public func setAlertMark(_ mark: [UInt8], of job: JobID, for place: String) async throws(JobStoreError) {
        step { state, _, _ in
            let isLive = state.table.job(job).map { !$0.status.isEnded } ?? false
            state.registry.alerts.setMark(mark, of: job, place, isLive: isLive)
        }
    }

    /// Whether there is room for the result of one more small job.
    public func checkWritable() async throws(JobStoreError) {
        let result = step { state, _, _ in Result { () throws(JobStoreError) in try state.table.checkRoom(forBytes: 1) }
        }
        try result.get()
    }

    /// What the store holds.
    public func counts() async throws(JobStoreError) -> JobCounts {
        step { state, _, _ in state.table.counts() }
    }

    /// What the store holds, by its own books.
    public func census() async throws(JobStoreError) -> QueueCensus? { step { $0.table.census(now: $2) } }

    /// How many callbacks are on their way or wait for it.
    public var waitingCallbacks: Int? { state.withLock { $0.registry.callbacks.count } }

    /// How many notes wait to be told to places.
    public var waitingAlerts: Int? { state.withLock { $0.registry.alerts.count } }

    /// Removes what has expired; other calls do so too.
    public func expire() async throws(JobStoreError) -> Expired {
        let (now, wall) = (clock.now, clock.wall)
        return state.withLock { state in
            let lapsed = state.table.takeLapsed(wall: wall, now: now).map { record in
                record.job.status.isEnded ? state.ended(record, now: now) : state.table.shown(record)
            }
            state.removeExpired(wall: wall, now: now)
            defer {
                state.overdue = []
                state.expired = 0
            }
            return Expired(removed: state.expired, overdue: state.overdue, lapsed: lapsed)
        }
    }

    /// One step of the table at the time it is now. What has expired is gone before.
    func step<Value: Sendable>(
        _ body: (inout State, WallTime, MonotonicTime) -> Value
    ) -> Value {
        state.withLock { state in
            let (now, wall) = (clock.now, clock.wall)
            state.removeExpired(wall: wall, now: now)
            defer {
                // There is nowhere to write it down.
                _ = state.table.takeRebilled()
                checkSmallTable(state.table)
            }
            return body(&state, wall, now)
        }
    }

    /// In debug builds, checks the table while that is cheap.
    private func checkSmallTable(_ table: borrowing JobTable) {
        #if DEBUG
            if table.records.count <= 64 { table.checkInvariants() }
        #endif
    }
}

extension MemoryJobStore.State {
    /// Queues what is handed in, or finds what answers for it.
    mutating func submit(
        _ submission: Submission, wall: WallTime, now: MonotonicTime
    ) throws(JobStoreError) -> Receipt {
        if let key = submission.key, let answer = try registry.answer(to: key) {
            return Receipt(jobs: answer.jobs.compactMap { table.job($0) }, batch: answer.batch, origin: .replayed)
        }
        if let job = submission.reuseKey.flatMap({ registry.succeeded($0) }).flatMap({ table.job($0) }) {
            if let key = submission.key { registry.insert(key, for: job.id) }
            return Receipt(jobs: [job], origin: .reused)
        }
        let usage = try usage(with: submission, at: wall)
        let needed = submission.jobs.reduce(0) { sum, new in
            let (sum, overflow) = sum.addingReportingOverflow(JobRecord.promise(new.outputEstimate))
            return overflow ? .max : sum
        }
        try table.checkRoom(forBytes: needed)
        if let account = submission.account { self.usage[ByteText(account.name)] = usage }
        let batch = submission.isBatch ? BatchID(generator.next(at: wall, using: &self.random)) : nil
        let ids = submission.jobs.map { new in
            let id = generator.next(at: wall, using: &self.random)
            table.add(JobRecord(new, id: id, batch: batch, wall: wall, now: now))
            return id
        }
        registry.insert(submission, as: ids, batch: batch)
        return Receipt(jobs: ids.compactMap { table.job($0) }, batch: batch, origin: .new)
    }

    /// What the submission's account will have handed in with it; nil where that is not counted.
    private func usage(with submission: Submission, at wall: WallTime) throws(JobStoreError) -> DailyUsage? {
        guard let account = submission.account else { return nil }
        do throws(QuotaExcess) {
            return try account.charged(usage[ByteText(account.name)], for: submission, at: wall)
        } catch { throw .overQuota(error) }
    }

    /// Notes that a job has ended, and makes room for its end.
    mutating func ended(_ record: JobRecord, now: MonotonicTime) -> Job {
        registry.end(record, now: now)
        let job = table.shown(record)
        giveUpOverBudget()
        return job
    }

    mutating func forget(_ id: JobID) -> Bool {
        guard table.forget(id) else { return false }
        registry.forget(id)
        return true
    }

    fileprivate mutating func giveUpOverBudget() {
        while let next = table.nextOverBudget({ registry.isAwaited($0) }), forget(next) {}
    }

    /// Removes what has expired, and ends what is too late.
    mutating func removeExpired(wall: WallTime, now: MonotonicTime) {
        let late = table.endOverdue(wall: wall, now: now)
        if !late.isEmpty { overdue += late.map { ended($0, now: now) } }
        for id in table.expired(now: now) {
            if registry.isAwaited(id), let endedAt = table.records[id]?.endedAt, now - endedAt < CallbackNote.longest {
                continue
            }
            if forget(id) { expired += 1 }
        }
    }
}
