import Dispatch
import GRDB
import Jobs
import Synchronization

/// The one writer: steps that come while a transaction is committed share the next one, up to 64 of them.
///
/// So a step alone waits for nothing, and many share one flush of the disk. A transaction that fails is done again step by
/// step, so that one step's fault is no other's.
final class CommitQueue: Sendable {
    private static let most = 64

    private struct State {
        var waiting: [Commit] = []
        var isRunning = false
        var isClosed = false
        /// Why the last transaction failed, if it did.
        var fault: JobStoreError?
    }

    private let database: StoreDatabase
    private let live: LiveBox
    private let space: DiskSpace
    private let queue = DispatchQueue(label: "vigil.store")
    private let state = Mutex(State())

    init(database: StoreDatabase, live: LiveBox, space: DiskSpace) {
        self.database = database
        self.live = live
        self.space = space
    }

    /// Why the last transaction failed; nil where it did not.
    var fault: JobStoreError? { state.withLock { $0.fault } }

    /// Runs a step on the writer, and returns what it made once that is committed.
    func commit<Value: Sendable>(
        _ body: @escaping @Sendable (WriteContext) throws -> Value
    ) async throws(JobStoreError) -> Value {
        let box = Made<Value>()
        let error = await withCheckedContinuation { (continuation: CheckedContinuation<JobStoreError?, Never>) in
            add(
                Commit(run: { context in box.put(try body(context)) }, settled: { continuation.resume(returning: $0) }))
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

    private func add(_ commit: Commit) {
        enum Turn { case mine, others, none }
        let turn = state.withLock { state -> Turn in
            if state.isClosed { return .none }
            state.waiting.append(commit)
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
                let batch = Array(state.waiting.prefix(Self.most))
                state.waiting.removeFirst(batch.count)
                if batch.isEmpty { state.isRunning = false }
                return batch
            }
            if batch.isEmpty { return }
            commit(batch)
            database.checkpointIfLarge()
        }
    }

    private func commit(_ batch: [Commit]) {
        guard let error = attempt(batch) else { return settle(batch, nil) }
        guard batch.count > 1 || isWorthAnother(error) else { return settle(batch, error) }
        for commit in batch {
            var error = attempt([commit])
            if let failed = error, isWorthAnother(failed) { error = attempt([commit]) }
            settle([commit], error)
        }
    }

    /// A full disk is given the ballast, once; jobs that would need more room are refused before they get here.
    private func isWorthAnother(_ error: JobStoreError) -> Bool {
        guard case .diskFull = error else { return false }
        return space.throwOutBallast()
    }

    /// Runs steps in one transaction; says why that failed, and then nothing is changed.
    private func attempt(_ batch: [Commit]) -> JobStoreError? {
        do {
            try database.write { db in
                let context = WriteContext(db: db, clock: database.clock, live: live)
                for commit in batch { try commit.perform(context) }
            }
            state.withLock { $0.fault = nil }
            return nil
        } catch {
            let reason = StoreFault.reason(of: error)
            if !(error is StoreFault) { state.withLock { $0.fault = reason } }
            restore()
            return reason
        }
    }

    /// Makes the live jobs those that the disk has.
    private func restore() {
        do {
            try database.reload(into: live)
        } catch {
            state.withLock { $0.fault = StoreFault.reason(of: error) }
        }
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
