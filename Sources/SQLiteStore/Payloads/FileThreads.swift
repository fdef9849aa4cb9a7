import Dispatch
import Jobs
import Synchronization

/// Threads for what waits for the disk or reckons for long, which Swift's own may not: at most so many at a time. Whichever
/// is free takes what has waited longest.
final class FileThreads: Sendable {
    private struct State {
        /// Each is told whether it is still wanted. Those that can't be left out have the number 0.
        var waiting: [(number: Int, work: @Sendable (Bool) -> Void)] = []
        var running = 0
        var last = 0
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
            add(0) { _ in continuation.resume(returning: Result { () throws(JobStoreError) in try body() }) }
        }
        return try result.get()
    }

    /// Runs `body` on one of the threads, unless the task is cancelled before one comes to it: then it is left out.
    func runIfWanted<Value: Sendable>(
        _ body: @escaping @Sendable () throws(JobStoreError) -> Value
    ) async throws(JobStoreError) -> Value {
        let number = state.withLock { state in
            state.last += 1
            return state.last
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation {
                (continuation: CheckedContinuation<Result<Value, JobStoreError>, Never>) in
                add(number) { isWanted in
                    guard isWanted else {
                        continuation.resume(returning: .failure(.unavailable("nobody waits for it any more")))
                        return
                    }
                    continuation.resume(returning: Result { () throws(JobStoreError) in try body() })
                }
                // A cancellation before this moment found nothing to leave out; one after it does.
                if Task.isCancelled { drop(number) }
            }
        } onCancel: {
            drop(number)
        }
        return try result.get()
    }

    private func drop(_ number: Int) {
        let work = state.withLock { state in
            state.waiting.firstIndex { $0.number == number }.map { state.waiting.remove(at: $0).work }
        }
        work?(false)
    }

    private func add(_ number: Int, _ work: @escaping @Sendable (Bool) -> Void) {
        let isFree = state.withLock { state in
            state.waiting.append((number, work))
            guard state.running < most else { return false }
            state.running += 1
            return true
        }
        if isFree { queue.async { self.drain() } }
    }

    private func drain() {
        while let work = next() { work(true) }
    }

    private func next() -> (@Sendable (Bool) -> Void)? {
        state.withLock { state in
            if state.waiting.isEmpty {
                state.running -= 1
                return nil
            }
            return state.waiting.removeFirst().work
        }
    }
}
