import Dispatch
import Jobs
import Synchronization

/// Threads for what waits for the disk or reckons for long, which Swift's own may not: at most so many at a time. Whichever
/// is free takes what has waited longest.
final class FileThreads: Sendable {
    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var running = 0
    }

    private let most: Int
    private let queue = DispatchQueue(label: "vigil.store.files", attributes: .concurrent)
    private let state = Mutex(State())

    init(_ most: Int) { self.most = most }

    /// What waits for a thread.
    var waiting: Int { state.withLock { $0.waiting.count } }

    /// Runs `body` on one of the threads.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(JobStoreError) -> Value
    ) async throws(JobStoreError) -> Value {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Value, JobStoreError>, Never>) in
            add { continuation.resume(returning: Result { () throws(JobStoreError) in try body() }) }
        }
        return try result.get()
    }

    private func add(_ work: @escaping @Sendable () -> Void) {
        let isFree = state.withLock { state in
            state.waiting.append(work)
            guard state.running < most else { return false }
            state.running += 1
            return true
        }
        if isFree { queue.async { self.drain() } }
    }

    private func drain() {
        while let work = next() { work() }
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            if state.waiting.isEmpty {
                state.running -= 1
                return nil
            }
            return state.waiting.removeFirst()
        }
    }
}
