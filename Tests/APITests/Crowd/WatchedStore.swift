import Jobs
import Synchronization

/// A store in memory that counts how often results are read, holds readers up for as long as a test likes, and does
/// what a test says between a reader's look at the job and its look at the result.
final class WatchedStore: JobStore {
    private struct State {
        var reads: [JobID: Int] = [:]
        var fetched: Set<JobID> = []
        var isHeld: (@Sendable (JobID) -> Bool)?
        var held: [CheckedContinuation<Void, Never>] = []
        var beforeReading: (@Sendable (JobID) async -> Void)?
        var failure: JobStoreError?
        var writeFault: JobStoreError?
        var callbacks = Callbacks()
        var standing: SharedStanding?
        var awaitingSettled: [JobID: CheckedContinuation<Void, Never>] = [:]
    }

    /// What was done about callbacks.
    struct Callbacks {
        /// The notes that were taken, one after another.
        var taken: [CallbackNote] = []
        var settled: Set<JobID> = []
        /// How often something had to be committed.
        var writes = 0
    }

    let store: MemoryJobStore
    private let state = Mutex(State())

    init(clock: ManualClock) { store = MemoryJobStore(clock: clock) }

    /// From now on these share the store.
    func share(_ standing: SharedStanding) { state.withLock { $0.standing = standing } }

    func standing() async throws(JobStoreError) -> SharedStanding? { state.withLock(\.standing) }

    /// How often a result was read.
    func reads(_ id: JobID) -> Int { state.withLock { $0.reads[id, default: 0] } }

    /// Whether a result counts as fetched.
    func isFetched(_ id: JobID) -> Bool { state.withLock { $0.fetched.contains(id) } }

    func remarks(_ id: JobID) async throws(JobStoreError) -> JobRemarks? { try await store.remarks(id) }

    func remark(_ id: JobID, _ bytes: [UInt8], over revision: Int) async throws(JobStoreError) -> RemarkOutcome {
        try await store.remark(id, bytes, over: revision)
    }

    func noteFetched(_ id: JobID) async {
        state.withLock { _ = $0.fetched.insert(id) }
        await store.noteFetched(id)
    }

    /// From now on readers wait, those of one job or all.
    func hold(_ only: JobID? = nil) { state.withLock { $0.isHeld = { only == nil || $0 == only } } }

    /// Lets all readers go on.
    func letGo() {
        let held = state.withLock { state in
            defer { state.held = [] }
            state.isHeld = nil
            return state.held
        }
        for reader in held { reader.resume() }
    }

    /// What happens after a reader has looked at the job and before it reads.
    func beforeReading(_ action: @escaping @Sendable (JobID) async -> Void) {
        state.withLock { $0.beforeReading = action }
    }

    /// From now on no result can be read, for this reason.
    func fail(_ failure: JobStoreError) { state.withLock { $0.failure = failure } }

    /// From now on nothing can be written, for this reason; nil for none.
    func refuseWrites(_ fault: JobStoreError?) { state.withLock { $0.writeFault = fault } }

    func output(_ id: JobID, fetching: Bool) async throws(JobStoreError) -> JobOutput? {
        let (action, failure) = state.withLock { state in
            state.reads[id, default: 0] += 1
            if fetching { state.fetched.insert(id) }
            return (state.beforeReading, state.failure)
        }
        await action?(id)
        await withCheckedContinuation { continuation in
            let mayRead = state.withLock { state in
                guard state.isHeld?(id) == true else { return true }
                state.held.append(continuation)
                return false
            }
            if mayRead { continuation.resume() }
        }
        if let failure { throw failure }
        return try await store.output(id, fetching: fetching)
    }
}

extension WatchedStore {
    var summary: String { store.summary }
    var isLasting: Bool { store.isLasting }

    func submit(_ submission: Submission) async throws(JobStoreError) -> Receipt { try await store.submit(submission) }

    func serve(_ models: ServedModels, missing: MissingModel) async throws(JobStoreError) -> ServedChange {
        try await store.serve(models, missing: missing)
    }

    func usage(of account: String) async throws(JobStoreError) -> DailyUsage? { try await store.usage(of: account) }

    func settle(_ units: Int, of account: Account, since day: Int64) async throws(JobStoreError) -> QuotaExcess? {
        try await store.settle(units, of: account, since: day)
    }

    func waitingJobs() async throws(JobStoreError) -> [WaitingJobs] { try await store.waitingJobs() }

    func openModels() async throws(JobStoreError) -> [ModelID: OpenJobs] { try await store.openModels() }

    var lease: Duration { store.lease }

    func renew(_ tokens: [ClaimToken]) async throws(JobStoreError) -> [Renewal] { try await store.renew(tokens) }

    func claim(_ limit: ClaimLimit) async throws(JobStoreError) -> [ClaimedJob] { try await store.claim(limit) }

    func reportProgress(_ token: ClaimToken, partsDone: Int) async throws(JobStoreError) -> ClaimStanding {
        try await store.reportProgress(token, partsDone: partsDone)
    }

    func complete(
        _ token: ClaimToken, with outcome: JobOutcome, timings: JobTimings?
    ) async throws(JobStoreError) -> Job? {
        try await store.complete(token, with: outcome, timings: timings)
    }

    func release(_ token: ClaimToken, as release: Release) async throws(JobStoreError) -> Job? {
        try await store.release(token, as: release)
    }

    func cancel(_ id: JobID) async throws(JobStoreError) -> CancelOutcome { try await store.cancel(id) }

    func forget(_ id: JobID) async throws(JobStoreError) -> Bool { try await store.forget(id) }

    func job(_ id: JobID) async throws(JobStoreError) -> Job? { try await store.job(id) }

    func list(_ filter: JobFilter, limit: Int, before cursor: JobID?) async throws(JobStoreError) -> [Job] {
        try await store.list(filter, limit: limit, before: cursor)
    }

    func batch(_ id: BatchID) async throws(JobStoreError) -> Batch? { try await store.batch(id) }

    func takeCallbacks(limit: Int, within room: CallbackRoom) async throws(JobStoreError) -> [CallbackNote] {
        let notes = try await store.takeCallbacks(limit: limit, within: room)
        state.withLock { state in
            state.callbacks.taken += notes
            if !notes.isEmpty { state.callbacks.writes += 1 }
        }
        return notes
    }

    func settleCallback(of job: JobID, _ verdict: CallbackVerdict) async throws(JobStoreError) {
        try await store.settleCallback(of: job, verdict)
        state.withLock { state in
            state.callbacks.settled.insert(job)
            state.callbacks.writes += 1
            return state.awaitingSettled.removeValue(forKey: job)
        }?.resume()
    }

    func takeAlerts(for place: String, limit: Int) async throws(JobStoreError) -> [AlertNote] {
        try await store.takeAlerts(for: place, limit: limit)
    }

    func settleAlert(of job: JobID, for place: String, _ verdict: CallbackVerdict) async throws(JobStoreError) {
        try await store.settleAlert(of: job, for: place, verdict)
    }

    func alertMark(of job: JobID, for place: String) async throws(JobStoreError) -> [UInt8]? {
        try await store.alertMark(of: job, for: place)
    }

    func setAlertMark(_ mark: [UInt8], of job: JobID, for place: String) async throws(JobStoreError) {
        try await store.setAlertMark(mark, of: job, for: place)
    }

    /// What was done about callbacks until now.
    var callbacks: Callbacks { state.withLock { $0.callbacks } }

    /// Returns once it has been said what came of the job's note.
    func waitForSettled(_ job: JobID) async {
        await withCheckedContinuation { continuation in
            let isSettled = state.withLock { state in
                if state.callbacks.settled.contains(job) { return true }
                state.awaitingSettled[job] = continuation
                return false
            }
            if isSettled { continuation.resume() }
        }
    }

    func checkWritable() async throws(JobStoreError) {
        if let fault = state.withLock({ $0.writeFault }) { throw fault }
        try await store.checkWritable()
    }

    func counts() async throws(JobStoreError) -> JobCounts { try await store.counts() }

    func expire() async throws(JobStoreError) -> Expired { try await store.expire() }
}
