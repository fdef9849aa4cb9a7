import Dispatch
import GRDB
import Jobs
import Platform
import Synchronization

/// The one writer: steps that come while a transaction is committed share the next one, up to 64 of them.
///
/// So a step alone waits for nothing, and many share one flush of the disk. A transaction that fails is done again step by
/// step, so that one step's fault is no other's.
///
/// Patient steps let others go first, for some milliseconds: the ends of jobs write other pages than submissions do, so that
/// many of them together cost a fraction of what they cost one by one. Where no other step waits they wait for nothing either.
final class CommitQueue: Sendable {
    static let most = 64
    /// How many patient steps let others go first.
    static let mostPatient = 32

    private struct State {
        var waiting: [Commit] = []
        var patient: [Commit] = []
        /// When the first of those came.
        var patientSince = ContinuousClock.now
        var isRunning = false
        var isClosed = false
        /// Why the last transaction failed, if it did.
        var fault: JobStoreError?
        /// Whether the live jobs could not be made those of the disk after that.
        var isAstray = false
        /// How many transactions were committed.
        var transactions = 0
    }

    private let database: StoreDatabase
    private let live: LiveBox
    private let space: DiskSpace
    private let idle: IdleHands
    private let patience: Duration
    private let committed: (@Sendable (Duration, Int) -> Void)?
    private let queue = DispatchQueue(label: "vigil.store")
    private let state = Mutex(State())

    /// - Parameters:
    ///   - patience: how long patient steps let others go first
    ///   - committed: told of each transaction that was committed
    init(
        database: StoreDatabase, live: LiveBox, space: DiskSpace, idle: IdleHands, patience: Duration,
        committed: (@Sendable (Duration, Int) -> Void)? = nil
    ) {
        self.committed = committed
        self.database = database
        self.live = live
        self.space = space
        self.idle = idle
        self.patience = patience
    }

    /// Why the last transaction failed; nil where it did not.
    var fault: JobStoreError? { state.withLock { $0.fault } ?? database.noteFault }

    /// How many transactions were committed.
    var transactions: Int { state.withLock { $0.transactions } }

    /// How many steps wait for the transaction that is running.
    var waiting: Int { state.withLock { $0.waiting.count + $0.patient.count } }

    /// Runs a step on the writer, and returns what it made once that is committed.
    func commit<Value: Sendable>(
        _ manner: Commit.Manner = .usual, _ body: @escaping @Sendable (WriteContext) throws -> Value
    ) async throws(JobStoreError) -> Value {
        let box = Made<Value>()
        let error = await withCheckedContinuation { (continuation: CheckedContinuation<JobStoreError?, Never>) in
            add(
                Commit(
                    manner, run: { context in box.put(try body(context)) },
                    settled: { continuation.resume(returning: $0) }))
        }
        if let error { throw error }
        guard let value = box.take() else { throw .unavailable("a step was committed that did nothing") }
        return value
    }

    /// Lets the steps that are there be committed, and refuses all others.
    func close() {
        state.withLock { $0.isClosed = true }
        queue.sync {}
    }

    /// Brings the log into the database after the steps that are there.
    func bringInLog() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            queue.async {
                self.database.checkpointAll()
                continuation.resume()
            }
        }
    }

    private func add(_ commit: Commit) {
        enum Turn { case mine, others, none }
        let turn = state.withLock { state -> Turn in
            if state.isClosed { return .none }
            if commit.manner.isPatient {
                if state.patient.isEmpty { state.patientSince = ContinuousClock.now }
                state.patient.append(commit)
            } else {
                state.waiting.append(commit)
            }
            if state.isRunning { return .others }
            state.isRunning = true
            return .mine
        }
        switch turn {
        case .mine: queue.async { self.drain() }
        case .others: break
        case .none: commit.settle(.unavailable("it is closed"))
        }
    }

    private func drain() {
        while true {
            let batch = state.withLock { state -> [Commit] in
                let batch = next(&state)
                if batch.isEmpty { state.isRunning = false }
                return batch
            }
            if batch.isEmpty { return }
            commit(batch)
            database.checkpointIfLarge()
        }
    }

    /// What the next transaction has.
    private func next(_ state: inout State) -> [Commit] {
        var batch = Array(state.waiting.prefix(Self.most))
        state.waiting.removeFirst(batch.count)
        guard !state.patient.isEmpty else { return batch }
        let isTime =
            batch.isEmpty || state.patient.count >= Self.mostPatient
            || ContinuousClock.now - state.patientSince >= patience
        guard isTime else { return batch }
        let more = state.patient.prefix(max(Self.most - batch.count, Self.mostPatient))
        state.patient.removeFirst(more.count)
        batch += more
        return batch
    }

    private func commit(_ batch: [Commit]) {
        let (error, hasClaimed) = attempt(batch, claims: true)
        guard let error else { return settle(batch, nil) }
        if batch.count == 1, !hasClaimed { return settle(batch, again(batch[0], after: error)) }
        // One by one, and without claims, which may be what failed.
        for commit in batch {
            let error = attempt([commit], claims: false).error.flatMap { again(commit, after: $0) }
            settle([commit], error)
        }
    }

    /// On a full disk the ballast goes, once, for what was accepted; what is new is refused.
    private func again(_ commit: Commit, after error: JobStoreError) -> JobStoreError? {
        guard case .diskFull = error, commit.manner.mayUseBallast, space.throwOutBallast() else { return error }
        return attempt([commit], claims: false).error
    }

    /// Runs steps in one transaction; says why that failed, and then nothing is changed.
    ///
    /// Who has nothing to do gets jobs in it, so that a job for which a worker is idle is claimed as it comes, and an end
    /// and the next claim are one transaction.
    ///
    /// - Parameter claims: whether they do
    private func attempt(_ batch: [Commit], claims: Bool) -> (error: JobStoreError?, hasClaimed: Bool) {
        var hand = IdleHands.Hand()
        let began = MonotonicTime.now
        do {
            if let change = database.change() { throw JobStoreError.unavailable(change) }
            if state.withLock({ $0.isAstray }) { try restore() }
            try database.write(counts: batch.contains(where: \.manner.isPromise)) { db in
                let context = database.context(db, live)
                for commit in batch { try commit.perform(context) }
                if claims { try idle.claim(&hand, context) }
                try context.coming.write(context)
                for (id, bytes) in live.withLock({ $0.table.takeRebilled() }) {
                    try context.jobs.bill(id, bytes: bytes)
                }
            }
        } catch {
            let reason = StoreFault.reason(of: error)
            if !(error is StoreFault) { state.withLock { $0.fault = reason } }
            if StoreFault.tellsDamage(error) { database.damage.met(reason) }
            live.withLock { live in
                live.overdueToCommit = []
                live.servedToCommit = nil
                live.tallyToCommit = StoreTally()
            }
            state.withLock { $0.isAstray = true }
            try? restore()
            idle.give(nothing: hand)
            return (reason, hand.isAsked)
        }
        live.withLock { live in
            live.overdue += live.overdueToCommit
            live.overdueToCommit = []
            live.served = live.servedToCommit ?? live.served
            live.servedToCommit = nil
            live.tally += live.tallyToCommit
            live.tallyToCommit = StoreTally()
        }
        state.withLock { state in
            state.fault = nil
            state.transactions += 1
        }
        committed?(MonotonicTime.now - began, batch.count)
        idle.give(hand)
        return (nil, hand.isAsked)
    }

    /// Makes the live jobs those that the disk has. Where that can't be done, no step is run before it could be.
    private func restore() throws {
        try database.reload(into: live)
        state.withLock { $0.isAstray = false }
    }

    private func settle(_ batch: [Commit], _ error: JobStoreError?) {
        for commit in batch { commit.settle(error) }
    }
}

/// What a step has made, on its way from the writer to who waits for it.
private final class Made<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)

    func put(_ value: Value) { self.value.withLock { $0 = value } }
    func take() -> Value? { value.withLock { $0.take() } }
}
