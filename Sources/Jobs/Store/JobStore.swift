import Platform

/// Keeps jobs, and decides who may work on which.
///
/// Every store, in memory, on SQLite, on PostgreSQL, holds to the same promises (`JobStoreConformance` in the tests):
///
/// - What a function returned has happened: it is committed, to whatever the store calls lasting.
/// - Each claim has a token of its own. Only its holder changes a running job, and only until the claim is completed,
///   released or given to another; what comes later is dropped and changes nothing.
/// - A claim lasts for a lease, unless it is renewed. Then the job is queued again, or fails after its last attempt
///   (``expire()``). Until another has it, its holder's end is still taken, and a renewal makes it the holder's again.
/// - A job runs at least once and has exactly one outcome.
///
/// A store may be shared by processes: nothing here is synchronous, and time limits go by the store's own clock.
public protocol JobStore: AlertBooks, Sendable {
    /// What the store is, for health checks and logs.
    var summary: String { get }

    /// Whether jobs outlast the process, so that those that are queued may be left behind.
    var isLasting: Bool { get }

    /// Whether other processes have part in it: they hand jobs in, do them and end them too.
    var isShared: Bool { get }

    /// From now on the others are told that this process is at this.
    func present(_ activity: ServerActivity)

    /// Who has part in it, and how the database fares that has it; nil where there are no others.
    func standing() async throws(JobStoreError) -> SharedStanding?

    /// What others have done to the store's jobs; nil where there are no others.
    ///
    /// - Parameters:
    ///   - jobs: whose revisions are wanted
    ///   - counting: whether the queue is wanted
    func glance(at jobs: [JobID], counting: Bool) async throws(JobStoreError) -> Glance?

    /// Where so many workers note what they are at; nil where nobody asks for that after the process has ended.
    func workLog(workers: Int) -> (any WorkLog)?

    /// Commits new jobs, all of them or none.
    ///
    /// Where the submission has a key that is known, nothing is committed and the jobs of then are the answer; likewise
    /// where a job's `reuseKey` is that of one that has succeeded. Of equal submissions at a time one is new.
    ///
    /// - Throws: `full` when the results could not be kept beside those that are waiting to be fetched; `keyReused` when
    ///   the key came with another fingerprint; `overQuota` when new jobs would be beyond what the account may hand in.
    func submit(_ submission: Submission) async throws(JobStoreError) -> Receipt

    /// Says which models are served by those who claim through this store, from now on; until then every one is.
    ///
    /// Queued jobs of other models are passed over, and hold up nobody, until their model is served; or they fail, and
    /// are told of by ``expire()``. A job of unknown digest becomes one of the served model of its name.
    ///
    /// - Returns: what that has changed
    func serve(_ models: ServedModels, missing: MissingModel) async throws(JobStoreError) -> ServedChange

    /// What an account has handed in on its last day; nil where nothing is known of it.
    func usage(of account: String) async throws(JobStoreError) -> DailyUsage?

    /// Counts units that a job turned out to have beside those that it was handed in with on a day, or fewer.
    ///
    /// - Returns: the bound that they would be beyond, up to which they are counted
    func settle(_ units: Int, of account: Account, since day: Int64) async throws(JobStoreError) -> QuotaExcess?

    /// Whose a job is that is damaged, as far as that can be read.
    func ownerOfDamaged(_ id: JobID) async throws(JobStoreError) -> String?

    /// How many jobs wait for which model that is not served.
    func waitingJobs() async throws(JobStoreError) -> [WaitingJobs]

    /// Where files of models are kept for the jobs that wait for them; nil where jobs do not outlast the process.
    var models: (any ModelKeeper)? { get }

    /// How many jobs have not ended, by model.
    func openModels() async throws(JobStoreError) -> [ModelID: OpenJobs]

    /// How long a claim lasts that nobody renews.
    var lease: Duration { get }

    /// Lets claims last from now on as long as new ones. Nothing has to be committed for one that is held.
    ///
    /// - Returns: what came of each
    func renew(_ tokens: [ClaimToken]) async throws(JobStoreError) -> [Renewal]

    /// Takes jobs of the served models out of the queue, in the order of `FairQueue`; each has one attempt more and a new
    /// token.
    func claim(_ limit: ClaimLimit) async throws(JobStoreError) -> [ClaimedJob]

    /// Has jobs claimed for one who has room, as by ``claim(_:)``, in the transaction in which they come or in which a place
    /// for them becomes free, so that a claim costs none of its own. A store need not do so.
    func offer(to taker: (any ClaimTaker)?)

    /// Notes how many parts are done, which never becomes fewer, and says whether the holder shall go on.
    func reportProgress(_ token: ClaimToken, partsDone: Int) async throws(JobStoreError) -> ClaimStanding

    /// Ends the job and lets go of its input.
    ///
    /// A job whose cancelling was requested ends as cancelled, whatever came of it.
    ///
    /// - Returns: the job as it ended; nil if the token was stale and the outcome was dropped.
    func complete(
        _ token: ClaimToken, with outcome: JobOutcome, timings: JobTimings?
    ) async throws(JobStoreError) -> Job?

    /// The same; where nobody waits for the end, it may take a few milliseconds more, to be committed with others.
    func complete(
        _ token: ClaimToken, with outcome: JobOutcome, timings: JobTimings?, isAwaited: Bool
    ) async throws(JobStoreError) -> Job?

    /// Gives a claim back: the job is queued again, in its old place, or ends (see ``Release``).
    ///
    /// - Returns: the job as it is now; nil if the token was stale.
    func release(_ token: ClaimToken, as release: Release) async throws(JobStoreError) -> Job?

    /// Cancels a queued job at once, and marks a running one so that its worker stops at the next part.
    func cancel(_ id: JobID) async throws(JobStoreError) -> CancelOutcome

    /// Removes a job that has ended, or that can't be read, with its output, its key and its callback.
    ///
    /// - Returns: whether there was one.
    func forget(_ id: JobID) async throws(JobStoreError) -> Bool

    /// Removes what belongs to a batch and can't be read, so that no list has it.
    ///
    /// - Returns: how many jobs that were
    func forgetUnreadable(of batch: BatchID) async throws(JobStoreError) -> Int

    /// The job; nil if it is unknown, expired or forgotten.
    func job(_ id: JobID) async throws(JobStoreError) -> Job?

    /// What the job came to; nil unless it succeeded and is still there.
    ///
    /// - Parameters:
    ///   - id: the job
    ///   - fetching: from now on it counts as fetched, and may be given up when room is needed
    /// - Throws: `damaged` where it is not what was stored
    func output(_ id: JobID, fetching: Bool) async throws(JobStoreError) -> JobOutput?

    /// What a job is about: while it has not ended, and for as long after that as inputs are kept; nil where it is not stored.
    ///
    /// - Throws: `damaged` where it is not what was stored
    func input(of job: Job) async throws(JobStoreError) -> JobBody?

    /// What was put beside the job; nil where nothing was, or there is no such job.
    func remarks(_ id: JobID) async throws(JobStoreError) -> JobRemarks?

    /// Puts bytes beside a job that has ended, in the place of those of this revision; 0 stands for none. They go with the
    /// job. Throws `full` where there is no room for them.
    func remark(_ id: JobID, _ bytes: [UInt8], over revision: Int) async throws(JobStoreError) -> RemarkOutcome

    /// Counts an output that was read without ``output(_:fetching:)``'s `fetching` as fetched.
    func noteFetched(_ id: JobID) async

    /// Up to `limit` jobs, newest first.
    ///
    /// - Parameters:
    ///   - filter: which jobs
    ///   - limit: how many a page has
    ///   - cursor: the last job of the page before; it need not be there any more.
    func list(_ filter: JobFilter, limit: Int, before cursor: JobID?) async throws(JobStoreError) -> [Job]

    /// The batch with its jobs that are still known; nil if there is none.
    func batch(_ id: BatchID) async throws(JobStoreError) -> Batch?

    /// Up to `limit` notes whose time has come and that have room, oldest first. Each counts as tried, and is nobody else's
    /// for a while; nothing changes, and nothing is committed, where there is none.
    func takeCallbacks(limit: Int, within room: CallbackRoom) async throws(JobStoreError) -> [CallbackNote]

    /// Says what came of trying to deliver a note that was taken.
    func settleCallback(of job: JobID, _ verdict: CallbackVerdict) async throws(JobStoreError)

    /// Throws what inserting even the smallest job would throw: `full`, or `unavailable`.
    func checkWritable() async throws(JobStoreError)

    /// The same for each submission, by what was found out a moment ago where finding it out is dear.
    func checkTakes() async throws(JobStoreError)

    /// How many jobs there are, and what they hold.
    func counts() async throws(JobStoreError) -> JobCounts

    /// What there is, as it is kept count of: it costs the same however many jobs there are. Nil where nobody counts.
    func census() async throws(JobStoreError) -> QueueCensus?

    /// What it has of its disk, as it was found lately; nil where it has none.
    var room: StoreRoom? { get }

    /// How many callbacks are on their way or wait for it, as it is kept count of; nil where nobody counts.
    var waitingCallbacks: Int? { get }

    /// Gives back what was claimed and is nobody's any more, removes what ended longer ago than results are kept, and ends what
    /// is too late to be begun or not to wait for its model.
    func expire() async throws(JobStoreError) -> Expired
}

extension JobStore {
    /// For stores in which a claim costs nothing.
    public func offer(to taker: (any ClaimTaker)?) {}

    /// For stores in which an end costs nothing.
    public func complete(
        _ token: ClaimToken, with outcome: JobOutcome, timings: JobTimings?, isAwaited: Bool
    ) async throws(JobStoreError) -> Job? {
        try await complete(token, with: outcome, timings: timings)
    }

    /// For stores in which finding out costs nothing.
    public func checkTakes() async throws(JobStoreError) { try await checkWritable() }
}

/// A look at what others do to a store's jobs.
public struct Glance: Sendable {
    /// Whether there is a job to claim.
    public var hasWork = false
    /// The revisions of the jobs that were asked for and are still there.
    public var revisions: [JobID: Int] = [:]
    /// What is queued, where that was asked for.
    public var queue: JobCounts?
    /// How many queued jobs wait for their model.
    public var waiting = 0

    package init() {}
}

/// What had its time.
public struct Expired: Sendable, Equatable {
    /// How many ended jobs were removed.
    public var removed: Int
    /// The queued jobs that ended since this was last asked and that nobody had asked to: their deadline had passed, their
    /// model is not served, or what was stored of them is damaged.
    public var overdue: [Job]
    /// The jobs whose claims had run out, as they were then: queued again, or ended.
    public var lapsed: [Job]

    package init(removed: Int = 0, overdue: [Job] = [], lapsed: [Job] = []) {
        self.removed = removed
        self.overdue = overdue
        self.lapsed = lapsed
    }
}

extension JobStore {
    /// Nobody else has part in it.
    public var isShared: Bool { false }

    /// There are no others.
    public func glance(at jobs: [JobID], counting: Bool) async throws(JobStoreError) -> Glance? { nil }

    /// All can be read.
    public func forgetUnreadable(of batch: BatchID) async throws(JobStoreError) -> Int { 0 }

    /// Nobody counts.
    public func census() async throws(JobStoreError) -> QueueCensus? { nil }

    /// What is kept until its time is given up for no other.
    public func noteFetched(_ id: JobID) async {}

    /// Nobody needs them.
    public var models: (any ModelKeeper)? { nil }

    /// Nobody keeps it.
    public func input(of job: Job) async throws(JobStoreError) -> JobBody? { nil }

    /// It has no disk.
    public var room: StoreRoom? { nil }

    /// Nobody counts.
    public var waitingCallbacks: Int? { nil }

    /// None is.
    public func ownerOfDamaged(_ id: JobID) async throws(JobStoreError) -> String? { nil }

    /// Nobody asks.
    public func workLog(workers: Int) -> (any WorkLog)? { nil }

    /// What the job came to, for one who takes it away.
    public func output(_ id: JobID) async throws(JobStoreError) -> JobOutput? {
        try await output(id, fetching: true)
    }

    /// Up to `limit` notes whose time has come, whoever they go to.
    public func takeCallbacks(limit: Int) async throws(JobStoreError) -> [CallbackNote] {
        try await takeCallbacks(limit: limit, within: .unlimited)
    }

    /// Takes up to `limit` jobs out of the queue.
    public func claim(limit: Int) async throws(JobStoreError) -> [ClaimedJob] {
        try await claim(ClaimLimit(jobs: limit))
    }

    /// Commits one new job.
    public func insert(_ new: NewJob) async throws(JobStoreError) -> Job {
        let receipt = try await submit(Submission(new))
        guard let job = receipt.jobs.first else { throw .unavailable("it took a job and did not say which") }
        return job
    }

    /// Up to `limit` jobs, newest first, of one status or of all.
    public func list(
        status: JobStatus?, limit: Int, before cursor: JobID?
    ) async throws(JobStoreError) -> [Job] {
        try await list(JobFilter(status: status), limit: limit, before: cursor)
    }
}

/// Where workers note what they are at, so that the next process knows which jobs may have ended this one.
///
/// It is written at each step of a job, so it must cost next to nothing, and it may only be wrong in one way: to know
/// nothing.
public protocol WorkLog: Sendable {
    /// The worker is at this job, and at no other.
    func begin(_ job: JobID, worker: Int)

    /// The worker has nothing to do.
    func end(worker: Int)
}

/// Why a store did not do what it was asked to.
public enum JobStoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The results that are waiting to be fetched leave no room for another job's.
    case full(neededBytes: Int, heldBytes: Int, limitBytes: Int)
    /// The store cannot be reached, read or written at present.
    case unavailable(String)
    /// The disk has too little room left for what was asked.
    case diskFull(String)
    /// The idempotency key came before with something else.
    case keyReused(String)
    /// What the store holds for this job is damaged.
    case damaged(JobID, String)
    /// The account has handed in what it may.
    case overQuota(QuotaExcess)

    /// What clients are told: everything that is not the server's own affair, such as where its files are.
    public var told: String {
        switch self {
        case .full, .keyReused, .overQuota: description
        case .unavailable: "The store of jobs is not available; the server's log says why."
        case .diskFull: "The store of jobs has no room on its disk; the server's log says more."
        case .damaged(let id, _): "What the store holds for job \(id) is damaged; the server's log says how."
        }
    }

    /// What the log has beyond what clients are told; nil where that is all.
    public var cause: String? { told == description ? nil : description }

    /// What was wrong, in a sentence, for the log and for those who see the service's health.
    public var description: String {
        switch self {
        case .full(let needed, let held, let limit):
            "The job needs \(needed) bytes for its result, but \(held) of the store's \(limit) bytes are taken by "
                + "results that were not fetched yet and by jobs that were accepted before."
        case .unavailable(let detail):
            "The store of jobs is not available: \(detail)."
        case .diskFull(let detail):
            "The store of jobs has no room: \(detail)."
        case .keyReused(let key):
            "The idempotency key '\(key.prefix(80))' came before with another request; expected the same body and "
                + "parameters, or a new key."
        case .damaged(let id, let detail):
            "What the store holds for job \(id) is damaged: \(detail)."
        case .overQuota(let excess):
            excess.description
        }
    }
}
