import Foundation
import Jobs
import SQLiteStore
import TestSupport

/// A state folder that goes when nobody uses it any more.
final class StoreFolder: Sendable {
    /// A store with the folder that it is in.
    final class Store: JobStore {
        let home: StoreFolder
        let inner: SQLiteJobStore

        init(_ inner: SQLiteJobStore, in home: StoreFolder) {
            self.inner = inner
            self.home = home
        }
    }

    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/vigil-store-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func open(
        _ settings: MemoryJobStore.Settings = .init(), _ clock: any JobClock = ManualClock(),
        _ random: SeededRandom = SeededRandom(seed: 1), durability: SQLiteJobStore.Settings.Durability = .normal,
        change: (inout SQLiteJobStore.Settings) -> Void = { _ in }
    ) throws -> Store {
        var own = SQLiteJobStore.Settings()
        own.resultTTL = settings.resultTTL
        own.attempts = settings.attempts
        own.lease = settings.lease
        own.serialKinds = settings.serialKinds
        own.durability = durability
        change(&own)
        return Store(
            try SQLiteJobStore(folder: StateFolder(path), settings: own, clock: clock, random: random), in: self)
    }

    /// What is on the disk now, as it would be found if the process ended here; but for the ballast, whose 16 MiB say nothing.
    func copy() throws -> StoreFolder {
        let other = try StoreFolder()
        for name in try FileManager.default.contentsOfDirectory(atPath: path) where name != "lock" && name != "ballast"
        {
            try FileManager.default.copyItem(atPath: path + "/" + name, toPath: other.path + "/" + name)
        }
        return other
    }
}

extension StoreFolder.Store {
    var summary: String { inner.summary }
    var isLasting: Bool { inner.isLasting }
    func remarks(_ id: JobID) async throws(JobStoreError) -> JobRemarks? { try await inner.remarks(id) }
    func remark(_ id: JobID, _ bytes: [UInt8], over revision: Int) async throws(JobStoreError) -> RemarkOutcome {
        try await inner.remark(id, bytes, over: revision)
    }
    func workLog(workers: Int) -> (any WorkLog)? { inner.workLog(workers: workers) }
    func submit(_ submission: Submission) async throws(JobStoreError) -> Receipt { try await inner.submit(submission) }
    func serve(_ models: ServedModels, missing: MissingModel) async throws(JobStoreError) -> ServedChange {
        try await inner.serve(models, missing: missing)
    }
    func usage(of account: String) async throws(JobStoreError) -> DailyUsage? { try await inner.usage(of: account) }
    func settle(_ units: Int, of account: Account, since day: Int64) async throws(JobStoreError) -> QuotaExcess? {
        try await inner.settle(units, of: account, since: day)
    }
    func ownerOfDamaged(_ id: JobID) async throws(JobStoreError) -> String? { try await inner.ownerOfDamaged(id) }
    func waitingJobs() async throws(JobStoreError) -> [WaitingJobs] { try await inner.waitingJobs() }
    func openModels() async throws(JobStoreError) -> [ModelID: OpenJobs] { try await inner.openModels() }
    var lease: Duration { inner.lease }
    func renew(_ tokens: [ClaimToken]) async throws(JobStoreError) -> [Renewal] { try await inner.renew(tokens) }
    func offer(to taker: (any ClaimTaker)?) { inner.offer(to: taker) }
    func claim(_ limit: ClaimLimit) async throws(JobStoreError) -> [ClaimedJob] { try await inner.claim(limit) }
    func reportProgress(_ token: ClaimToken, partsDone: Int) async throws(JobStoreError) -> ClaimStanding {
        try await inner.reportProgress(token, partsDone: partsDone)
    }
    func complete(
        _ token: ClaimToken, with outcome: JobOutcome, timings: JobTimings?
    ) async throws(JobStoreError) -> Job? {
        try await inner.complete(token, with: outcome, timings: timings)
    }
    func complete(
        _ token: ClaimToken, with outcome: JobOutcome, timings: JobTimings?, isAwaited: Bool
    ) async throws(JobStoreError) -> Job? {
        try await inner.complete(token, with: outcome, timings: timings, isAwaited: isAwaited)
    }
    func release(_ token: ClaimToken, as release: Release) async throws(JobStoreError) -> Job? {
        try await inner.release(token, as: release)
    }
    func cancel(_ id: JobID) async throws(JobStoreError) -> CancelOutcome { try await inner.cancel(id) }
    func forget(_ id: JobID) async throws(JobStoreError) -> Bool { try await inner.forget(id) }
    func job(_ id: JobID) async throws(JobStoreError) -> Job? { try await inner.job(id) }
    func output(_ id: JobID, fetching: Bool) async throws(JobStoreError) -> JobOutput? {
        try await inner.output(id, fetching: fetching)
    }
    func input(of job: Job) async throws(JobStoreError) -> JobBody? { try await inner.input(of: job) }
    func list(_ filter: JobFilter, limit: Int, before cursor: JobID?) async throws(JobStoreError) -> [Job] {
        try await inner.list(filter, limit: limit, before: cursor)
    }
    func batch(_ id: BatchID) async throws(JobStoreError) -> Batch? { try await inner.batch(id) }
    func takeCallbacks(limit: Int, within room: CallbackRoom) async throws(JobStoreError) -> [CallbackNote] {
        try await inner.takeCallbacks(limit: limit, within: room)
    }
    func settleCallback(of job: JobID, _ verdict: CallbackVerdict) async throws(JobStoreError) {
        try await inner.settleCallback(of: job, verdict)
    }
    func takeAlerts(for place: String, limit: Int) async throws(JobStoreError) -> [AlertNote] {
        try await inner.takeAlerts(for: place, limit: limit)
    }
    func settleAlert(of job: JobID, for place: String, _ verdict: CallbackVerdict) async throws(JobStoreError) {
        try await inner.settleAlert(of: job, for: place, verdict)
    }
    func alertMark(of job: JobID, for place: String) async throws(JobStoreError) -> [UInt8]? {
        try await inner.alertMark(of: job, for: place)
    }
    func setAlertMark(_ mark: [UInt8], of job: JobID, for place: String) async throws(JobStoreError) {
        try await inner.setAlertMark(mark, of: job, for: place)
    }
    func checkWritable() async throws(JobStoreError) { try await inner.checkWritable() }
    func checkTakes() async throws(JobStoreError) { try await inner.checkTakes() }
    func forgetUnreadable(of batch: BatchID) async throws(JobStoreError) -> Int {
        try await inner.forgetUnreadable(of: batch)
    }
    func census() async throws(JobStoreError) -> QueueCensus? { try await inner.census() }
    var room: StoreRoom? { inner.room }
    var waitingCallbacks: Int? { inner.waitingCallbacks }
    var waitingAlerts: Int? { inner.waitingAlerts }
    func counts() async throws(JobStoreError) -> JobCounts { try await inner.counts() }
    func expire() async throws(JobStoreError) -> Expired { try await inner.expire() }
}
