import Dispatch
import Jobs
import Synchronization

/// Threads for what waits for the disk, which Swift's own may not: at most so many at a time.
final class FileThreads: Sendable {
    private let queues: [DispatchQueue]
    private let next = Atomic(0)

    init(_ count: Int) {
        queues = (0..<count).map { DispatchQueue(label: "vigil.store.files-\($0)") }
    }

    /// Runs `body` on one of the threads.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(JobStoreError) -> Value
    ) async throws(JobStoreError) -> Value {
        let turn = next.wrappingAdd(1, ordering: .relaxed).oldValue
        let queue = queues[Int(UInt(bitPattern: turn) % UInt(queues.count))]
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Value, JobStoreError>, Never>) in
            queue.async { continuation.resume(returning: Result { () throws(JobStoreError) in try body() }) }
        }
        return try result.get()
    }
}
