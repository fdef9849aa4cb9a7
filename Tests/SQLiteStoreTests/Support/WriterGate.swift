import Dispatch

@testable import SQLiteStore

/// Holds the writer up in the middle of a transaction, so that a test sees what waits for it.
final class WriterGate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let task: Task<Void, any Error>

    init(_ writer: CommitQueue) async {
        let semaphore = semaphore
        let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
        task = Task {
            try await writer.commit { _ in
                arrival.yield()
                semaphore.wait()
            }
        }
        for await _ in arrivals { break }
    }

    /// Lets the writer go on, and returns once its transaction is committed.
    func open() async throws {
        semaphore.signal()
        try await task.value
    }
}

extension CommitQueue {
    /// Returns once so many steps wait.
    func awaitWaiting(_ count: Int) async {
        while waiting < count { await Task.yield() }
    }
}
